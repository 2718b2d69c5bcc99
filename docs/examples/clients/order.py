"""Log in and place a bid with nothing but websockets and cryptography: order.py URL KEY.pem"""

import base64
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from websockets.sync.client import connect

key = load_pem_private_key(Path(sys.argv[2]).read_bytes(), None)
public_key = base64.b64encode(key.public_key().public_bytes_raw()).decode()
bid = {"side": "buy", "order_type": "limit", "symbol": "small.eu-de.flat.spot", "qty": 1}
with connect(sys.argv[1], subprotocols=["headroom.v1+json"]) as ws:
    hello = json.loads(ws.recv())
    text = "\0".join(["headroom-auth-v1", hello["server_id"], hello["nonce"], public_key])
    proof = base64.b64encode(key.sign(text.encode())).decode()
    ws.send(json.dumps({"type": "auth", "req_id": 1, "key_id": public_key, "signature": proof}))
    print(ws.recv())
    bid |= {"type": "order.place", "req_id": 2, "client_order_id": "py-1", "price_ucr": 20_000}
    ws.send(json.dumps(bid))
    print(ws.recv())
