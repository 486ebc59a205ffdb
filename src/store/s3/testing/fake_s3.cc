#include "store/s3/testing/fake_s3.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/digest.h"
#include "base/encoding.h"
#include "net/scoped_signature.h"

namespace hodei::store::testing {
namespace {

constexpr const char* kSecret = "a secret of the test";

net::HttpResponse Error(int status, const std::string& code) {
  return net::TextResponse(status, "application/xml",
                           fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>as "
                                       "the test wants</Message></Error>",
                                       code));
}

net::HttpResponse Xml(const std::string& text) {
  return net::TextResponse(200, "application/xml", "<?xml version=\"1.0\"?>" + text);
}

std::string Parameter(const net::RequestHead& head, const std::string& name) {
  std::string_view rest = head.query();
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == pair.npos ? "" : *PercentDecode(pair.substr(equals + 1));
  }
  return {};
}

bool HasParameter(const net::RequestHead& head, const std::string& name) {
  return ("&" + std::string(head.query())).find("&" + name) != std::string::npos;
}

// Sends `bytes` and then breaks off.
class BrokenBody : public net::StreamBody {
 public:
  explicit BrokenBody(std::string bytes) : bytes_(std::move(bytes)) {}
  void Next(std::function<void(Result<std::string>)> done) override {
    if (bytes_.empty()) return done(Unavailable("as the test wants"));
    done(std::exchange(bytes_, {}));
  }

 private:
  std::string bytes_;
};

net::HttpResponse Broken(net::HttpResponse whole) {
  const auto* text = std::get_if<std::string>(&whole.body);
  whole.body = std::make_unique<BrokenBody>(text->substr(0, text->size() / 2));
  return whole;
}

}  // namespace

FakeS3::FakeS3() {
  server_ = std::make_unique<net::testing::TestServer>([this](const net::RequestHead& head) {
    return net::testing::Reply(
        head,
        [this](const net::RequestHead& h, const std::string& body) { return Handle(h, body); },
        net::RequestHandler::Where::kPool);
  });
}

FakeS3::~FakeS3() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  released_.notify_all();
  server_.reset();
}

S3Options FakeS3::options() const {
  S3Options options;
  options.endpoint = server_->url();
  options.bucket = "bytes";
  options.credentials = {"KEY", Secret(kSecret), "us-east-1"};
  options.pause = [pauses = pauses_](std::chrono::milliseconds) { ++*pauses; };
  return options;
}

void FakeS3::Fail(const std::string& request, Fault fault, int times) {
  std::lock_guard lock(mutex_);
  for (int i = 0; i < times; ++i) faults_.push_back({request, fault});
}

std::map<std::string, std::string> FakeS3::objects() const {
  std::lock_guard lock(mutex_);
  return objects_;
}

void FakeS3::Put(const std::string& key, const std::string& bytes) {
  std::lock_guard lock(mutex_);
  objects_[key] = bytes;
}

void FakeS3::Damage(const std::string& key) {
  std::lock_guard lock(mutex_);
  objects_.at(key).back() ^= 1;
}

void FakeS3::Erase(const std::string& key) {
  std::lock_guard lock(mutex_);
  objects_.erase(key);
}

std::vector<std::string> FakeS3::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

size_t FakeS3::open_uploads() const {
  std::lock_guard lock(mutex_);
  return uploads_.size();
}

int FakeS3::pauses() const { return *pauses_; }

bool FakeS3::Signed(const net::RequestHead& head, const std::string& body) const {
  const std::string_view header = head.headers.Get("Authorization");
  const size_t start = header.find("SignedHeaders=");
  const size_t end = header.find(",Signature=");
  if (start == header.npos || end == header.npos) return false;
  if (head.headers.Get("x-amz-content-sha256") != Sha256Hex(body)) return false;
  const std::string names(header.substr(start + 14, end - start - 14));
  std::string lines;
  for (std::string_view rest = names; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    lines += fmt::format("{}:{}\n", name, head.headers.Get(name));
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", head.method, head.path(),
                                            *net::CanonicalQuery(head.query(), ""), lines, names,
                                            head.headers.Get("x-amz-content-sha256"));
  const std::string time(head.headers.Get("x-amz-date"));
  const std::string date = time.substr(0, 8);
  const std::string text = fmt::format("AWS4-HMAC-SHA256\n{}\n{}/us-east-1/s3/aws4_request\n{}",
                                       time, date, Sha256Hex(canonical));
  return header.substr(end + 11) ==
         HexEncode(
             net::ScopedMac(kSecret, {"AWS4", date, "us-east-1", "s3", "aws4_request"}, text));
}

net::HttpResponse FakeS3::Handle(const net::RequestHead& head, const std::string& body) {
  std::unique_lock lock(mutex_);
  requests_.push_back(head.method + " " + head.target);
  if (!Signed(head, body)) return Error(403, "SignatureDoesNotMatch");
  std::optional<Fault> fault;
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (!requests_.back().starts_with(it->request)) continue;
    fault = it->fault;
    faults_.erase(it);
    break;
  }
  if (fault == Fault::kInternalError) return Error(500, "InternalError");
  if (fault == Fault::kSlowDown) return Error(503, "SlowDown");
  if (fault == Fault::kDenied) return Error(403, "AccessDenied");
  if (fault == Fault::kFull) return Error(507, "XMinioStorageFull");
  if (fault == Fault::kErrorIn200) {
    net::HttpResponse response = Error(500, "InternalError");
    response.status = 200;
    return response;
  }
  if (fault == Fault::kHang) released_.wait(lock, [this] { return stopping_; });
  const std::string path = *PercentDecode(head.path());
  if (path != "/bytes" && !path.starts_with("/bytes/")) return Error(404, "NoSuchBucket");
  net::HttpResponse response = Serve(head, path.size() > 7 ? path.substr(7) : "", body);
  return fault == Fault::kResetAnswer ? Broken(std::move(response)) : std::move(response);
}

net::HttpResponse FakeS3::Serve(const net::RequestHead& head, const std::string& key,
                                const std::string& body) {
  if (key.empty()) return List(head);
  if (HasParameter(head, "upload")) return ServeUpload(head, key, body);
  return ServeObject(head, key, body);
}

net::HttpResponse FakeS3::ServeObject(const net::RequestHead& head, const std::string& key,
                                      const std::string& body) {
  if (head.method == "PUT") {
    objects_[key] = body;
    return net::TextResponse(200, "text/plain", "");
  }
  const auto it = objects_.find(key);
  if (head.method == "DELETE") {
    if (it != objects_.end()) objects_.erase(it);
    return net::TextResponse(204, "text/plain", "");
  }
  if (it == objects_.end()) return Error(404, "NoSuchKey");
  net::HttpResponse response = net::TextResponse(200, "application/octet-stream", it->second);
  const std::string range(head.headers.Get("Range"));
  unsigned long long first = 0;
  unsigned long long last = 0;
  if (std::sscanf(range.c_str(), "bytes=%llu-%llu", &first, &last) == 2) {
    if (first >= it->second.size()) return Error(416, "InvalidRange");
    response.status = 206;
    response.body = it->second.substr(first, last - first + 1);
  }
  return response;
}

net::HttpResponse FakeS3::ServeUpload(const net::RequestHead& head, const std::string& key,
                                      const std::string& body) {
  if (head.method == "POST" && HasParameter(head, "uploads")) {
    const std::string id = fmt::format("upload-{}", next_upload_++);
    uploads_[id].key = key;
    return Xml(
        fmt::format("<InitiateMultipartUploadResult><UploadId>{}</UploadId>"
                    "</InitiateMultipartUploadResult>",
                    id));
  }
  const auto it = uploads_.find(Parameter(head, "uploadId"));
  if (it == uploads_.end() || it->second.key != key) return Error(404, "NoSuchUpload");
  if (head.method == "PUT") {
    it->second.parts[std::atoi(Parameter(head, "partNumber").c_str())] = body;
    net::HttpResponse response = net::TextResponse(200, "text/plain", "");
    response.headers.Add("ETag", "\"" + Sha256Hex(body) + "\"");
    return response;
  }
  if (head.method == "POST") {
    std::string whole;
    for (const auto& [number, bytes] : it->second.parts) {
      if (body.find("&quot;" + Sha256Hex(bytes)) == body.npos) return Error(400, "InvalidPart");
      whole += bytes;
    }
    objects_[key] = whole;
  }
  uploads_.erase(it);
  return Xml("<CompleteMultipartUploadResult/>");
}

net::HttpResponse FakeS3::List(const net::RequestHead& head) {
  const std::string prefix = Parameter(head, "prefix");
  if (HasParameter(head, "uploads")) {
    std::string xml = "<ListMultipartUploadsResult>";
    for (const auto& [id, upload] : uploads_) {
      if (!upload.key.starts_with(prefix)) continue;
      xml += fmt::format("<Upload><Key>{}</Key><UploadId>{}</UploadId></Upload>", upload.key, id);
    }
    return Xml(xml + "</ListMultipartUploadsResult>");
  }
  std::string xml = "<ListBucketResult>";
  std::string last;
  size_t keys = 0;
  for (auto it = objects_.upper_bound(Parameter(head, "continuation-token")); it != objects_.end();
       ++it) {
    if (!it->first.starts_with(prefix)) continue;
    if (keys++ == kPageKeys) {
      xml += fmt::format(
          "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>", last);
      break;
    }
    last = it->first;
    xml += fmt::format("<Contents><Key>{}</Key><Size>{}</Size></Contents>", it->first,
                       it->second.size());
  }
  return Xml(xml + "</ListBucketResult>");
}

}  // namespace hodei::store::testing
