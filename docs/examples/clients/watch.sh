#!/bin/sh
# Every market's best prices as they change, until Ctrl-C: watch.sh URL   (pip install websockets)
{ echo '{"type":"subscribe","req_id":1,"channel":"ticker"}'; cat; } | python3 -m websockets "$1"
