// Log in and place a bid: node order.js URL KEY.pem   (Node 22; before that: npm install ws)
const { createPrivateKey, createPublicKey, sign } = require("node:crypto");
let { WebSocket } = globalThis;
try { WebSocket ??= require("ws"); } catch { console.error("order.js: this Node needs: npm install ws"); process.exit(1); }
const key = createPrivateKey(require("node:fs").readFileSync(process.argv[3]));
const publicKey = createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
const bid = { side: "buy", order_type: "limit", symbol: "small.eu-de.flat.spot", qty: 1, price_ucr: 20000 };
const ws = new WebSocket(process.argv[2], "headroom.v1+json");
const send = (message) => ws.send(JSON.stringify(message));
ws.onmessage = ({ data }) => {
  const frame = JSON.parse(data);
  if (frame.type !== "hello") console.log(data);
  if (frame.type === "hello") {
    const text = ["headroom-auth-v1", frame.server_id, frame.nonce, publicKey].join("\0");
    send({ type: "auth", req_id: 1, key_id: publicKey, signature: sign(null, Buffer.from(text), key).toString("base64") });
  } else if (frame.type === "ack" && frame.req_id === 1) {
    send({ type: "order.place", req_id: 2, client_order_id: "js-1", ...bid });
  } else ws.close(1000);
};
