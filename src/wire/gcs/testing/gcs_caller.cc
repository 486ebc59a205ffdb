#include "wire/gcs/testing/gcs_caller.h"

#include <gtest/gtest.h>
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

GcsCaller::GcsCaller()
    : GcsCaller([](const Clock* clock) { return store::MakeMemoryObjectStore(clock); }) {}

GcsCaller::GcsCaller(const StoreMaker& make_store) : store(make_store(&clock)) {
  authenticator.AddToken("ann", {"ann@x", "", false});
  authenticator.AddToken("eve", {"eve@x", "", false});
  GcsApi::Parts parts;
  parts.store = store.get();
  parts.authenticator = &switch_;
  parts.authorizer = &authorizer;
  parts.clock = &clock;
  parts.signature_keys = &signature_keys;
  parts.hmac_keys = &hmac_keys;
  parts.virtual_host_bases = {"storage.googleapis.com", "localhost"};
  api = std::make_unique<GcsApi>(std::move(parts));
}

void GcsCaller::AddSigner(const std::string& email, const std::string& public_key_pem) {
  access::Account account;
  account.set_email(email);
  account.set_kind(access::Account::SERVICE_ACCOUNT);
  account.set_project_id("p");
  account.set_unique_id("100000000000000000001");
  std::vector<store::Write> writes = {
      {store::Write::Op::kPut, "account", email, account.SerializeAsString(), std::nullopt}};
  if (!public_key_pem.empty()) {
    access::AccountKey key;
    key.set_email(email);
    key.set_key_id("1");
    key.set_account_unique_id(account.unique_id());
    key.set_public_key_pem(public_key_pem);
    writes.push_back({store::Write::Op::kPut, "account_key", email + "/1", key.SerializeAsString(),
                      std::nullopt});
  }
  EXPECT_TRUE(meta->Commit(writes).ok());
}

void GcsCaller::AddHmacKey(const std::string& email, const std::string& access_id,
                           const std::string& secret) {
  access::HmacKey key;
  key.set_access_id(access_id);
  key.set_secret(secret);
  key.set_email(email);
  key.set_account_unique_id("100000000000000000001");
  key.set_project_id("p");
  key.set_state(access::HmacKey::ACTIVE);
  EXPECT_TRUE(meta->Commit({{store::Write::Op::kPut, "hmac_key", access_id, key.SerializeAsString(),
                             std::nullopt}})
                  .ok());
}

net::RequestHead GcsCaller::Head(const std::string& method, const std::string& target,
                                 const std::string& body, const HeaderList& headers) const {
  net::RequestHead head;
  head.method = method;
  head.target = target;
  head.host = host;
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
