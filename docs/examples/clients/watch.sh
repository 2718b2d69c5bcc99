#!/bin/sh
# Every market's best prices as they change, until Ctrl-C: watch.sh URL   (pip install websockets)
# The client is made for people: of what it writes only the frames are kept.
# With SIGPIPE as in any other program it ends quietly when nobody reads, as in: watch.sh URL | head
client='import runpy, signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
runpy.run_module("websockets", run_name="__main__")'
{ echo '{"type":"subscribe","req_id":1,"channel":"ticker"}'; cat; } | python3 -c "$client" "$1" |
    sed -un 's/^.*< \({.*}\).*$/\1/p'
