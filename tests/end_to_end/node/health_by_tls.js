// Asks a gRPC server for its health by TLS, with nothing but what Node.js brings along.
//
//   node health_by_tls.js HOST:PORT CA CERTIFICATE KEY

import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const [address, ca, cert, key] = process.argv.slice(2);
const session = connect(`https://${address}`, {
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
});
session.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
const call = session.request({
  ":method": "POST",
  ":path": "/grpc.health.v1.Health/Check",
  "content-type": "application/grpc",
  te: "trailers",
});
const chunks = [];
let status;
call.on("data", (chunk) => chunks.push(chunk));
call.on("trailers", (trailers) => (status = trailers["grpc-status"]));
call.on("end", () => {
  const frame = Buffer.concat(chunks);
  console.log(JSON.stringify({ "grpc-status": status, message: frame.subarray(5).toString("hex") }));
  session.close();
});
// An empty message: no compression, no octets.
call.end(Buffer.from([0, 0, 0, 0, 0]));
