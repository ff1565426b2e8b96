// Two users of the OpenAI SDK for Node, before a gate. Says what came of each step as one line of JSON.
import OpenAI from "openai";

const client = (apiKey) => new OpenAI({ apiKey, baseURL: process.env.BASE_URL, maxRetries: 0, timeout: 20_000 });
const [alice, bob] = [client(process.env.ALICE_KEY), client(process.env.BOB_KEY)];
const status = (asked) => asked.then(() => 200, (refusal) => refusal.status);
const model = "gpt-4o";

const made = await alice.responses.create({ model, input: "hello", background: true });
const refused = [
  await status(bob.responses.retrieve(made.id)),
  await status(bob.responses.retrieve(made.id, { stream: true })),
  await status(bob.responses.create({ model, input: "and?", previous_response_id: made.id })),
  await status(bob.responses.inputItems.list(made.id)),
  await status(bob.responses.cancel(made.id)),
  await status(bob.responses.delete(made.id)),
];
const polled = [await alice.responses.retrieve(made.id), await alice.responses.retrieve(made.id)];
const items = (await alice.responses.inputItems.list(made.id)).data.map((item) => item.type);
const stream = await alice.responses.create({ model, input: "and?", previous_response_id: made.id, stream: true });
let streamed = "";
let continued = true;
for await (const event of stream) {
  if (event.type === "response.output_text.delta") streamed += event.delta;
  if (event.response) continued &&= event.response.previous_response_id === made.id;
}
const cancelled = (await alice.responses.cancel(made.id)).id === made.id;
await alice.responses.delete(made.id);
const deleted = await status(alice.responses.retrieve(made.id));
const steps = {
  created: made.status, streamed, polled: polled.map((one) => one.status), items, continued, refused, cancelled, deleted,
};
console.log(JSON.stringify(steps));
