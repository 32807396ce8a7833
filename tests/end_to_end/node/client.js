// Rewrites the message on standard input, waits for its first open, and prints both
// answers as one line of JSON each.
//
//   node client.js PROTOS INJECTOR_ADDRESS PIXEL_ADDRESS CONFIGURATION_ID < in.eml
//
// The open is not fetched here: whoever reads the first line does that.

import { readFileSync } from "node:fs";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [protos, injectorAddress, pixelAddress, configurationId] = process.argv.slice(2);

const loaded = loadPackageDefinition(
  loadSync(
    [
      "emailopens/injector/v1/injector_service.proto",
      "emailopens/pixel/v1/pixel_service.proto",
    ],
    { includeDirs: [protos], longs: Number, enums: String, oneofs: true },
  ),
).emailopens;

const injector = new loaded.injector.v1.InjectorService(
  injectorAddress,
  credentials.createInsecure(),
);
const pixel = new loaded.pixel.v1.PixelService(pixelAddress, credentials.createInsecure());

function print(value) {
  process.stdout.write(JSON.stringify(value) + "\n");
}

function fail(error) {
  process.stderr.write(`${error}\n`);
  process.exitCode = 1;
  injector.close();
  pixel.close();
}

const stream = pixel.streamOpens({ position: "POSITION_LATEST", configurationIds: [configurationId] });
stream.on("error", (error) => {
  if (error.code !== 1) fail(error); // 1: we cancelled it
});
stream.on("data", (response) => {
  if (response.event === "started") {
    rewrite();
  } else if (response.event === "batch") {
    const [notification] = response.batch.notifications;
    print({
      eventId: notification.eventId,
      messageId: notification.mail.messageId,
      ipAddress: notification.open.ipAddress,
      openNumber: notification.open.evidence.openNumber,
      rulesetVersion: notification.open.evidence.rulesetVersion,
    });
    stream.cancel();
    injector.close();
    pixel.close();
  }
});

function rewrite() {
  injector.rewriteMessage(
    { rawMessage: readFileSync(0), configurationIds: [configurationId] },
    { deadline: Date.now() + 10_000 },
    (error, response) => {
      if (error) return fail(error);
      print({
        outcome: response.outcome,
        messageId: response.messageId,
        rawMessage: response.rawMessage.toString("base64"),
      });
    },
  );
}
