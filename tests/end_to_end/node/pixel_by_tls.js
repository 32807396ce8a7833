// Fetches a pixel by TLS twice over one connection, with nothing but what Node.js brings along.
//
//   node pixel_by_tls.js URL CA

import { readFileSync } from "node:fs";
import { Agent, get } from "node:https";

const [url, ca] = process.argv.slice(2);
const agent = new Agent({ ca: readFileSync(ca), keepAlive: true, maxSockets: 1 });

const fetched = () =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          octets: Buffer.concat(chunks).length,
          reused: request.reusedSocket,
        }),
      );
    });
    request.on("error", reject);
  });

console.log(JSON.stringify([await fetched(), await fetched()]));
agent.destroy();
