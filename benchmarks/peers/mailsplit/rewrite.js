// Rewrites messages with mailsplit, as carefully as it allows.
//
// Reads one request a line from standard input, {"file", "url", "times"}, and
// answers each with one line, {"seconds", "octets", "failed"}: the time of that
// many rewritings inside this process, and the size of the last output.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Joiner, Rewriter, Splitter } from "mailsplit";

function withPixel(html, url) {
  const pixel = Buffer.from(`<img src="${url}" width="1" height="1" alt="" border="0">`, "latin1");
  // One character an octet: positions are octets, whatever the charset.
  const at = html.toString("latin1").toLowerCase().lastIndexOf("</body");
  const spot = at < 0 ? html.length : at;
  return Buffer.concat([html.subarray(0, spot), pixel, html.subarray(spot)]);
}

function rewrite(raw, url) {
  return new Promise((resolve, reject) => {
    const splitter = new Splitter();
    let isFound = false;
    const rewriter = new Rewriter((node) => {
      const isHtml =
        !isFound && node.contentType === "text/html" && node.disposition !== "attachment";
      isFound ||= isHtml;
      return isHtml;
    });
    const joiner = new Joiner();
    for (const stream of [splitter, rewriter, joiner]) {
      stream.on("error", reject);
    }
    rewriter.on("node", ({ decoder, encoder }) => {
      const chunks = [];
      decoder.on("data", (chunk) => chunks.push(chunk));
      decoder.on("error", reject);
      decoder.on("end", () => encoder.end(withPixel(Buffer.concat(chunks), url)));
    });
    const output = [];
    joiner.on("data", (chunk) => output.push(chunk));
    joiner.on("end", () => resolve(Buffer.concat(output)));
    splitter.pipe(rewriter).pipe(joiner);
    splitter.end(raw);
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { file, url, times } = JSON.parse(line);
  const raw = readFileSync(file);
  let octets = 0;
  let failed = 0;
  const began = process.hrtime.bigint();
  for (let i = 0; i < times; i += 1) {
    try {
      octets = (await rewrite(raw, url)).length;
    } catch {
      failed += 1;
    }
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  process.stdout.write(`${JSON.stringify({ seconds, octets, failed })}\n`);
}
