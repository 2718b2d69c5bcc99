#!/bin/sh
# Every market's best prices as they change, until Ctrl-C: watch.sh URL   (pip install websockets)
# The client is made for people: of what it writes only the frames are kept.
{ echo '{"type":"subscribe","req_id":1,"channel":"ticker"}'; cat; } | python3 -m websockets "$1" |
    sed -un 's/^.*< \({.*}\).*$/\1/p'
