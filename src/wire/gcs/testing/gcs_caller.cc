#include "wire/gcs/testing/gcs_caller.h"

#include <unistd.h>

#include <future>

namespace hodei::wire::gcs::testing {
namespace {

std::string ReadSlice(const net::FileBody& file) {
  std::string bytes(file.length, '\0');
  const ssize_t n =
      pread(file.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(file.offset));
  bytes.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return bytes;
}

std::string ReadStream(net::StreamBody* stream) {
  std::string all;
  while (true) {
    std::promise<Result<std::string>> piece;
    stream->Next([&piece](Result<std::string> next) { piece.set_value(std::move(next)); });
    const Result<std::string> next = piece.get_future().get();
    if (!next.ok()) return "stream error: " + next.status().ToString();
    if (next->empty()) return all;
    all += *next;
  }
}

Answered ToAnswered(net::HttpResponse response) {
  Answered out;
  out.status = response.status;
  out.headers = response.headers;
  if (auto* text = std::get_if<std::string>(&response.body)) out.body = *text;
  if (auto* file = std::get_if<net::FileBody>(&response.body)) out.body = ReadSlice(*file);
  if (auto* stream = std::get_if<std::unique_ptr<net::StreamBody>>(&response.body)) {
    out.body = ReadStream(stream->get());
  }
  if (response.content_length_of_head) {
    out.headers.Set("Content-Length", std::to_string(*response.content_length_of_head));
  }
  return out;
}

}  // namespace

Json Answered::json() const {
  Json parsed = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json() : parsed;
}

GcsCaller::GcsCaller() : store(store::MakeMemoryObjectStore(&clock)) {
  authenticator.AddToken("ann", {"ann@x", "", false});
  authenticator.AddToken("eve", {"eve@x", "", false});
  GcsApi::Parts parts;
  parts.store = store.get();
  parts.authenticator = &authenticator;
  parts.authorizer = &authorizer;
  parts.clock = &clock;
  api = std::make_unique<GcsApi>(std::move(parts));
}

net::RequestHead GcsCaller::Head(const std::string& method, const std::string& target,
                                 const std::string& body, const HeaderList& headers) const {
  net::RequestHead head;
  head.method = method;
  head.target = target;
  head.host = "store.test:8080";
  for (const auto& [name, value] : headers) {
    if (!value.empty()) head.headers.Add(name, value);
  }
  bool credential = false;
  for (const auto& [name, value] : headers) credential = credential || name == "Authorization";
  if (!credential) head.headers.Add("Authorization", "Bearer ann");
  head.has_body = !body.empty();
  head.content_length = body.size();
  return head;
}

Answered GcsCaller::Call(const std::string& method, const std::string& target,
                         const std::string& body, const HeaderList& headers) {
  const std::unique_ptr<net::RequestHandler> handler =
      api->Start(Head(method, target, body, headers));
  for (size_t at = 0; at < body.size(); at += piece_bytes) {
    const Status status = handler->OnBody(std::string_view(body).substr(at, piece_bytes));
    if (!status.ok()) return ToAnswered(handler->OnError(status));
  }
  return ToAnswered(handler->OnEnd());
}

void GcsCaller::CallAndDrop(const std::string& method, const std::string& target,
                            const std::string& body, const HeaderList& headers) {
  const std::unique_ptr<net::RequestHandler> handler =
      api->Start(Head(method, target, body + "more to come", headers));
  for (size_t at = 0; at < body.size(); at += piece_bytes) {
    if (!handler->OnBody(std::string_view(body).substr(at, piece_bytes)).ok()) return;
  }
  handler->OnAbort();
}

}  // namespace hodei::wire::gcs::testing
