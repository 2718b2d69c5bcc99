"""The server itself: libvirt, processes, files, sockets. Shell."""
