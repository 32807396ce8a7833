// The same client as ../node/client.js, with generated stubs:
//
//   node built/client.js INJECTOR_ADDRESS PIXEL_ADDRESS CONFIGURATION_ID < in.eml

import { readFileSync } from "node:fs";
import { credentials, status, type ServiceError } from "@grpc/grpc-js";
import {
  InjectorServiceClient,
  RewriteMessageRequest,
  RewriteMessageResponse_Outcome,
} from "./gen/emailopens/injector/v1/injector_service.js";
import {
  PixelServiceClient,
  Position,
  StreamOpensRequest,
  type StreamOpensResponse,
} from "./gen/emailopens/pixel/v1/pixel_service.js";

const [injectorAddress, pixelAddress, configurationId] = process.argv.slice(2);

const injector = new InjectorServiceClient(injectorAddress, credentials.createInsecure());
const pixel = new PixelServiceClient(pixelAddress, credentials.createInsecure());

function print(value: object): void {
  process.stdout.write(JSON.stringify(value) + "\n");
}

function close(): void {
  injector.close();
  pixel.close();
}

function fail(error: ServiceError): void {
  process.stderr.write(`${error}\n`);
  process.exitCode = 1;
  close();
}

const stream = pixel.streamOpens(
  StreamOpensRequest.fromPartial({
    position: Position.POSITION_LATEST,
    configurationIds: [configurationId],
  }),
);
stream.on("error", (error: ServiceError) => {
  if (error.code !== status.CANCELLED) fail(error); // we cancelled it
});
stream.on("data", (response: StreamOpensResponse) => {
  if (response.started !== undefined) rewrite();
  if (response.batch === undefined) return;
  const [notification] = response.batch.notifications;
  print({
    eventId: notification.eventId,
    messageId: notification.mail?.messageId,
    ipAddress: notification.open?.ipAddress,
    openNumber: notification.open?.evidence?.openNumber,
    rulesetVersion: notification.open?.evidence?.rulesetVersion,
  });
  stream.cancel();
  close();
});

function rewrite(): void {
  const request = RewriteMessageRequest.fromPartial({
    rawMessage: readFileSync(0),
    configurationIds: [configurationId],
  });
  injector.rewriteMessage(request, (error, response) => {
    if (error) return fail(error);
    print({
      outcome: RewriteMessageResponse_Outcome[response.outcome],
      messageId: response.messageId,
      rawMessage: Buffer.from(response.rawMessage).toString("base64"),
    });
  });
}
