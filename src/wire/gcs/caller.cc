#include "wire/gcs/caller.h"

#include "domain/access/job_peer.h"

namespace hodei::wire::gcs {
namespace {

// A job's own API socket is a credential by itself; its private names are not.
bool OffersCredential(const net::RequestHead& head, const Request& request) {
  const access::JobPeer peer = access::JobPeerOf(head.peer.socket_label);
  return head.headers.Has("Authorization") || request.query.Has("access_token") ||
         (!peer.job.empty() && !peer.private_names);
}

}  // namespace

Result<std::string> IdentifyCaller(const net::RequestHead& head, const CallerSource& source,
                                   Request* request) {
  Result<access::Principal> direct = source.authenticator->Authenticate(head);
  if (source.keys != nullptr && HasSignature(*request)) {
    const bool emulator = direct.ok() && direct->emulator;
    ASSIGN_OR_RETURN(Signed verified, VerifySignature(*request, {.keys = source.keys,
                                                                 .now = source.now,
                                                                 .unknown_keys_pass = emulator}));
    request->principal = emulator ? *std::move(direct) : std::move(verified.principal);
    request->by_signed_url = verified.by_url;
    return verified.payload_sha256.value_or(std::string());
  }
  if (direct.ok()) {
    request->principal = *std::move(direct);
    return std::string();
  }
  if (direct.status().code() != Code::kUnauthenticated || OffersCredential(head, *request)) {
    return direct.status();
  }
  request->principal = access::Principal{.anonymous = true};
  return std::string();
}

void AdoptAmazonHeaders(Request* request) {
  constexpr std::string_view kAmazon = "x-amz-";
  std::vector<std::pair<std::string, std::string>> twins;
  for (const auto& [name, value] : request->headers.fields()) {
    if (name.size() <= kAmazon.size()) continue;
    std::string lower = name;
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    if (lower.starts_with(kAmazon)) {
      twins.emplace_back("x-goog-" + lower.substr(kAmazon.size()), value);
    }
  }
  for (auto& [name, value] : twins) {
    if (!request->headers.Has(name)) request->headers.Add(std::move(name), std::move(value));
  }
  request->amazon_words = !twins.empty();
}

}  // namespace hodei::wire::gcs
