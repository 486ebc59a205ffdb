// In emulator mode nobody is asked for a credential, so a web page that the user happens to have
// open must not be able to speak to the server in the user's browser: neither across origins, nor
// under a name that its owner points at 127.0.0.1 (DNS rebinding).
#pragma once

namespace hodei::net {
struct RequestHead;
}

namespace hodei::access {

// True for requests of a browser (they carry Origin, Sec-Fetch-Site or a Mozilla User-Agent) that
// come from another origin than the server's own, or ask for it by a name that is not this
// machine's loopback. Programs are never meant.
bool IsForeignPage(const net::RequestHead& head);

}  // namespace hodei::access
