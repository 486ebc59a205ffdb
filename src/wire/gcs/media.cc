#include "wire/gcs/media.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/clock.h"
#include "base/encoding.h"
#include "store/object/file_bytes.h"
#include "wire/gcs/content_range.h"
#include "wire/gcs/customer_key.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/gcs_error.h"
#include "wire/gcs/gunzip.h"

namespace hodei::wire::gcs {
namespace {

// Bytes inflated for a reader who asked for plain ones: a bomb stops here.
constexpr uint64_t kInflateLimit = 64ULL << 30;
constexpr size_t kCompressedPiece = 64 * 1024;
constexpr uint64_t kFilledPiece = 1 << 20;
constexpr size_t kObjectFields = 20;  // about so many header fields come with an object's bytes

// Stored values never end a header line, whatever was stored.
void AddSafe(net::Headers* headers, std::string name, const std::string& value) {
  if (value.empty()) return;
  std::string clean = value;
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  headers->Add(std::move(name), std::move(clean));
}

bool IsHeaderName(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  for (const char c : name) {
    const bool token = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!token) return false;
  }
  return true;
}

// What a browser would run in the origin of the API (T16): it gets a sandbox without scripts.
void AddHardening(const Object& object, net::Headers* headers) {
  headers->Add("X-Content-Type-Options", "nosniff");
  headers->Add("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'");
  std::string type = object.content_type().substr(0, object.content_type().find(';'));
  for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool active = type.find("html") != std::string::npos ||
                      type.find("xml") != std::string::npos ||
                      type.find("javascript") != std::string::npos;
  if (active && object.content_disposition().empty()) {
    headers->Add("Content-Disposition", "attachment");
  }
}

void AddObjectHeaders(const Object& object, const Request& request, net::Headers* headers) {
  const bool xml = request.xml;
  headers->Reserve(kObjectFields + static_cast<size_t>(object.metadata().size()));
  AddSafe(headers, "Content-Type", object.content_type());
  AddSafe(headers, "Content-Language", object.content_language());
  AddSafe(headers, "Content-Disposition", object.content_disposition());
  AddSafe(
      headers, "Cache-Control",
      object.cache_control().empty() ? std::string("private, max-age=0") : object.cache_control());
  headers->Add("ETag", xml && !object.md5_hash().empty()
                           ? fmt::format("\"{}\"", HexEncode(object.md5_hash()))
                           : ObjectEtag(object));
  headers->Add("Last-Modified", FormatHttpDate(object.updated().seconds()));
  headers->Add("X-Goog-Generation", std::to_string(object.generation()));
  headers->Add("X-Goog-Metageneration", std::to_string(object.metageneration()));
  AddSafe(headers, "X-Goog-Storage-Class", object.storage_class());
  std::string hashes = "crc32c=" + CrcText(object.crc32c());
  if (!object.md5_hash().empty()) hashes += ",md5=" + Base64Encode(object.md5_hash());
  headers->Add("X-Goog-Hash", hashes);
  headers->Add("X-Goog-Stored-Content-Length", std::to_string(object.size()));
  AddSafe(headers, "X-Goog-Stored-Content-Encoding",
          object.content_encoding().empty() ? std::string("identity") : object.content_encoding());
  if (object.component_count() > 0) {
    headers->Add("X-Goog-Component-Count", std::to_string(object.component_count()));
  }
  for (const auto& [key, value] : object.metadata()) {
    if (!xml || !IsHeaderName(key)) continue;
    AddSafe(headers, "X-Goog-Meta-" + key, value);
    if (request.amazon_words) AddSafe(headers, "x-amz-meta-" + key, value);
  }
  if (object.has_customer_encryption()) {
    headers->Add("x-goog-encryption-algorithm", "AES256");
    AddSafe(headers, "x-goog-encryption-key-sha256", object.customer_encryption().key_sha256());
  }
  AddHardening(object, headers);
}

// The object with the labels that a caller with a credential may ask for in their place; whoever
// merely reads what is public may not, so that nobody's bucket hosts somebody else's page.
std::optional<Object> Relabelled(const Request& request, const Object& object) {
  const std::string& type = request.query.Get("response-content-type");
  const std::string& disposition = request.query.Get("response-content-disposition");
  if (request.principal.anonymous || (type.empty() && disposition.empty())) return std::nullopt;
  Object relabelled = object;
  if (!type.empty()) relabelled.set_content_type(type);
  if (!disposition.empty()) relabelled.set_content_disposition(disposition);
  return relabelled;
}

// True when `list` of an If-Match or If-None-Match header names the object.
bool EtagListed(std::string_view list, const Object& object) {
  if (list == "*") return true;
  const std::string own = ObjectEtag(object);
  const std::string md5 = HexEncode(object.md5_hash());
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item.size() >= 2 && item.front() == '"') item = item.substr(1, item.size() - 2);
    if (item == own || (!md5.empty() && item == md5)) return true;
  }
  return false;
}

Status CheckEtags(const Request& request, const Object& object) {
  const std::string_view match = request.headers.Get("If-Match");
  if (!match.empty() && !EtagListed(match, object)) {
    return FailedPrecondition("The If-Match condition did not hold.").WithReason("conditionNotMet");
  }
  const std::string_view none = request.headers.Get("If-None-Match");
  if (!none.empty() && EtagListed(none, object)) {
    return FailedPrecondition("Not Modified").WithReason("notModified");
  }
  return OkStatus();
}

// Inflates a stored gzip while it is sent.
class InflatingBody : public net::StreamBody {
 public:
  explicit InflatingBody(store::OpenedBytes bytes)
      : bytes_(std::move(bytes)), gunzip_(kInflateLimit) {}

  void Next(std::function<void(Result<std::string>)> done) override { done(Produce()); }

 private:
  Result<std::string> Produce() {
    std::string out;
    while (out.empty()) {
      ASSIGN_OR_RETURN(const std::string piece, ReadPiece());
      if (piece.empty()) {
        RETURN_IF_ERROR(gunzip_.Finish());
        return out;
      }
      RETURN_IF_ERROR(gunzip_.Feed(piece, [&out](std::string_view bytes) {
        out += bytes;
        return OkStatus();
      }));
    }
    return out;
  }

  Result<std::string> ReadPiece() {
    if (const auto* held = std::get_if<std::string>(&bytes_)) {
      std::string piece = held->substr(std::min<size_t>(done_, held->size()), kCompressedPiece);
      done_ += piece.size();
      return piece;
    }
    ASSIGN_OR_RETURN(std::string piece,
                     store::ReadSlice(std::get<store::FileSlice>(bytes_), done_, kCompressedPiece));
    done_ += piece.size();
    return piece;
  }

  store::OpenedBytes bytes_;
  Gunzip gunzip_;
  uint64_t done_ = 0;
};

bool WantsInflated(const Request& request, const Object& object) {
  return object.content_encoding() == "gzip" &&
         request.headers.Get("Accept-Encoding").find("gzip") == std::string_view::npos &&
         object.cache_control().find("no-transform") == std::string::npos;
}

// A part of a file whose bytes come from elsewhere while they are sent.
class FilledBody : public net::StreamBody {
 public:
  explicit FilledBody(store::FileSlice slice) : slice_(std::move(slice)) {}

  void Next(std::function<void(Result<std::string>)> done) override { done(Produce()); }

 private:
  Result<std::string> Produce() {
    ASSIGN_OR_RETURN(std::string piece, store::ReadSlice(slice_, done_, kFilledPiece));
    done_ += piece.size();
    return piece;
  }

  const store::FileSlice slice_;
  uint64_t done_ = 0;
};

// Of what is brought meanwhile the end is only known when it is there: the length is not announced.
Status PutBody(store::OpenedBytes bytes, net::HttpResponse* response) {
  if (auto* held = std::get_if<std::string>(&bytes)) {
    response->body = std::move(*held);
    return OkStatus();
  }
  store::FileSlice& slice = std::get<store::FileSlice>(bytes);
  if (slice.filler != nullptr && slice.length > kFilledBefore) {
    response->body = std::make_unique<FilledBody>(std::move(slice));
    return OkStatus();
  }
  if (slice.filler != nullptr) RETURN_IF_ERROR(slice.filler->Fill(slice.offset, slice.length));
  response->body = net::FileBody{std::move(slice.fd), slice.offset, slice.length};
  return OkStatus();
}

net::HttpResponse Unsatisfiable(const Request& request, uint64_t size) {
  net::HttpResponse response =
      GcsApi::ErrorFor(request, OutOfRange("The requested range cannot be satisfied.")
                                    .WithReason("requestedRangeNotSatisfiable"));
  response.headers.Add("Content-Range", fmt::format("bytes */{}", size));
  return response;
}

}  // namespace

Result<net::HttpResponse> MediaResponse(const Request& request, const Object& object,
                                        store::OpenedBytes bytes) {
  RETURN_IF_ERROR(CheckEtags(request, object));
  RETURN_IF_ERROR(CheckCustomerKey(request.headers, kCustomerKey, object));
  net::HttpResponse response;
  const std::optional<Object> relabelled = Relabelled(request, object);
  AddObjectHeaders(relabelled ? *relabelled : object, request, &response.headers);
  const bool head = request.method == "HEAD";
  if (WantsInflated(request, object)) {
    response.headers.Add("Warning", "214 UploadServer gunzipped");
    response.headers.Add("Vary", "Accept-Encoding");
    if (head) {
      response.content_length_of_head = 0;
    } else {
      response.body = std::make_unique<InflatingBody>(std::move(bytes));
    }
    return response;
  }
  response.headers.Add("Accept-Ranges", "bytes");
  AddSafe(&response.headers, "Content-Encoding", object.content_encoding());
  const uint64_t size = object.size();
  const DownloadRange range = ParseDownloadRange(request.headers.Get("Range"), size);
  if (range.kind == DownloadRange::Kind::kUnsatisfiable) return Unsatisfiable(request, size);
  if (range.kind == DownloadRange::Kind::kPart) {
    response.status = 206;
    response.headers.Add("Content-Range", fmt::format("bytes {}-{}/{}", range.first,
                                                      range.first + range.length - 1, size));
    store::Slice(range.first, range.length, &bytes);
  }
  if (head) {
    response.content_length_of_head = range.length;
    return response;
  }
  RETURN_IF_ERROR(PutBody(std::move(bytes), &response));
  return response;
}

GcsApi::Response GcsApi::Download(const Request& request) const {
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  RETURN_IF_ERROR(
      AllowRead(request, request.route.bucket, request.route.object, generation).status());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  ASSIGN_OR_RETURN(
      store::OpenedObject opened,
      parts_.store->OpenObject(request.route.bucket, request.route.object, generation, wish));
  return MediaResponse(request, opened.object, std::move(opened.content));
}

}  // namespace hodei::wire::gcs
