#include "wire/gcs/testing/api_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/object_resource.h"

namespace hodei::wire::gcs::testing {
namespace {

constexpr std::array<const char*, 2> kBuckets = {"alpha", "beta"};
constexpr std::array<const char*, 10> kNames = {"a",   "a/",  "a/b",      "a/b/c", "b",
                                                "b/x", "acl", "\xc3\xbc", "../e",  "z +%2F"};
// Histories only grow otherwise.
constexpr size_t kManyGenerations = 60;

std::string Md5(std::string_view bytes) {
  DigestStream md5(DigestStream::Kind::kMd5);
  md5.Update(bytes);
  return md5.Final();
}

std::string Text(const Json& json, const char* name) {
  const auto it = json.find(name);
  return it == json.end() || !it->is_string() ? "" : it->get<std::string>();
}

bool Flag(const Json& json, const char* name) { return json.value(name, false); }

}  // namespace

ApiWalk::ApiWalk(GcsCaller* http, Choices* choices) : http_(*http), choices_(*choices) {
  http_.piece_bytes = 1 << 16;
  for (const char* name : kBuckets) {
    Expect("make a bucket",
           http_.Call("POST", "/storage/v1/b?project=p", fmt::format(R"({{"name":"{}"}})", name)),
           200);
    buckets_[name] = {};
  }
}

std::string ApiWalk::PickBucket() { return kBuckets[Once(3) ? 1 : 0]; }
std::string ApiWalk::PickName() { return kNames[Pick(kNames.size())]; }

ApiWalk::Target ApiWalk::PickTarget(bool generations) {
  Target target;
  target.bucket = PickBucket();
  target.owner = &buckets_[target.bucket];
  target.name = PickName();
  if (!generations || !Once(3)) return target;
  if (Once(4)) {
    target.generation = 1 + Pick(3);  // never one
    return target;
  }
  const auto& old = target.owner->noncurrent;
  if (!old.empty() && !Once(3)) {
    const auto it = std::next(old.begin(), Pick(static_cast<uint32_t>(old.size())));
    target.name = it->first.first;
    target.generation = it->first.second;
  } else if (const ModelObject* live = target.owner->Live(target.name)) {
    target.generation = live->generation;
  }
  return target;
}

Wish ApiWalk::PickWish(const ModelObject* object) {
  Wish wish;
  if (!Once(3)) return wish;
  const int64_t generation = object == nullptr || Once(4) ? Pick(2) * 7 : object->generation;
  const int64_t metageneration =
      object == nullptr || Once(4) ? 1 + Pick(3) : object->metageneration;
  switch (Pick(5)) {
    case 0:
      wish.generation = 0;
      break;
    case 1:
      wish.generation = generation;
      break;
    case 2:
      wish.not_generation = generation;
      break;
    case 3:
      wish.metageneration = metageneration;
      if (Once(2)) wish.generation = generation;
      break;
    default:
      wish.not_metageneration = metageneration;
  }
  return wish;
}

std::string ApiWalk::PickBytes() {
  static constexpr std::array<size_t, 7> kSizes = {0, 1, 100, 4096, 65'536, 65'537, 150'000};
  const size_t size = kSizes[Pick(Once(40) ? 7 : 4)];
  return std::string(size, static_cast<char>('a' + Pick(26)));
}

std::map<std::string, std::string> ApiWalk::PickMetadata() {
  std::map<std::string, std::string> metadata;
  if (Once(2)) metadata["k"] = fmt::format("v{}", Pick(5));
  if (Once(4)) metadata["other"] = "\xc3\xa9 \"quoted\"";
  return metadata;
}

std::string ApiWalk::ObjectPath(const Target& target) {
  return fmt::format("/storage/v1/b/{}/o/{}", target.bucket, PercentEncode(target.name));
}

std::string ApiWalk::Parameters(const Target& target, const Wish& wish) {
  std::string out;
  const auto add = [&](const char* name, const std::optional<int64_t>& value) {
    if (value) out += fmt::format("&{}={}", name, *value);
  };
  add("generation", target.generation);
  add("ifGenerationMatch", wish.generation);
  add("ifGenerationNotMatch", wish.not_generation);
  add("ifMetagenerationMatch", wish.metageneration);
  add("ifMetagenerationNotMatch", wish.not_metageneration);
  return out;
}

std::string ApiWalk::SourceParameters(const Target& target, const Wish& wish) {
  std::string out;
  const auto add = [&](const char* name, const std::optional<int64_t>& value) {
    if (value) out += fmt::format("&{}={}", name, *value);
  };
  add("sourceGeneration", target.generation);
  add("ifSourceGenerationMatch", wish.generation);
  add("ifSourceGenerationNotMatch", wish.not_generation);
  add("ifSourceMetagenerationMatch", wish.metageneration);
  add("ifSourceMetagenerationNotMatch", wish.not_metageneration);
  return out;
}

void ApiWalk::Differ(const std::string& text) {
  if (difference_.empty()) difference_ = fmt::format("step {}: {}", steps_, text);
}

bool ApiWalk::Expect(const std::string& call, const Answered& answered, int status) {
  if (answered.status == status) return true;
  Differ(fmt::format("{}: {} instead of {}: {}", call, answered.status, status,
                     answered.body.substr(0, 300)));
  return false;
}

void ApiWalk::ExpectResource(const std::string& call, const Json& json, const Target& target,
                             const ModelObject& object) {
  if (!json.is_object()) return Differ(call + ": no JSON");
  std::map<std::string, std::string> metadata;
  if (const auto it = json.find("metadata"); it != json.end()) {
    for (const auto& [key, value] : it->items()) metadata[key] = value.get<std::string>();
  }
  const std::string md5 = object.components > 0 ? "" : Base64Encode(Md5(object.bytes));
  const bool same =
      Text(json, "bucket") == target.bucket && Text(json, "name") == target.name &&
      Text(json, "generation") == std::to_string(object.generation) &&
      Text(json, "metageneration") == std::to_string(object.metageneration) &&
      Text(json, "size") == std::to_string(object.bytes.size()) &&
      Text(json, "crc32c") == CrcText(Crc32c(0, object.bytes)) && Text(json, "md5Hash") == md5 &&
      Text(json, "contentType") == object.content_type &&
      Flag(json, "temporaryHold") == object.temporary_hold &&
      Flag(json, "eventBasedHold") == object.event_based_hold &&
      json.value("componentCount", 0) == object.components && metadata == object.metadata;
  if (same) return;
  Differ(fmt::format("{}: {} instead of generation {}.{}, {} bytes, type {}, {} components", call,
                     json.dump(), object.generation, object.metageneration, object.bytes.size(),
                     object.content_type, object.components));
}

void ApiWalk::ExpectCreated(const std::string& call, const Json& json, const Target& target,
                            ModelObject object) {
  object.generation = std::strtoll(Text(json, "generation").c_str(), nullptr, 10);
  object.metageneration = 1;
  if (object.generation <= last_generation_) Differ(call + ": generations do not grow");
  last_generation_ = object.generation;
  ExpectResource(call, json, target, object);
  testing::Install(target.owner, target.name, std::move(object), Now());
}

void ApiWalk::Step() {
  if (!difference_.empty()) return;
  ++steps_;
  for (const auto& [name, bucket] : buckets_) {
    if (bucket.noncurrent.size() + bucket.soft_deleted.size() > kManyGenerations) return PassTime();
  }
  using Call = void (ApiWalk::*)();
  static constexpr std::array<Call, 16> kCalls = {
      &ApiWalk::Insert,   &ApiWalk::Insert,   &ApiWalk::Insert,     &ApiWalk::GetMetadata,
      &ApiWalk::GetMedia, &ApiWalk::GetMedia, &ApiWalk::Patch,      &ApiWalk::Delete,
      &ApiWalk::Delete,   &ApiWalk::Compose,  &ApiWalk::Copy,       &ApiWalk::Move,
      &ApiWalk::Restore,  &ApiWalk::List,     &ApiWalk::EditBucket, &ApiWalk::AbandonUpload};
  if (Once(40)) return BatchDelete();
  if (Once(80)) return DeleteBucket();
  if (Once(200)) return PassTime();
  (this->*kCalls[Pick(kCalls.size())])();
}

void ApiWalk::GetMetadata() {
  const Target target = PickTarget(/*generations=*/true);
  const ModelObject* object = target.owner->Find(target.name, target.generation);
  const Wish wish = PickWish(object);
  const std::string call = ObjectPath(target) + "?fields=*" + Parameters(target, wish);
  const Answered answered = http_.Call("GET", call);
  const int status = ReadStatus(object, wish);
  if (Expect("GET " + call, answered, status) && status == 200) {
    ExpectResource("GET " + call, answered.json(), target, *object);
  }
}

void ApiWalk::GetMedia() {
  const Target target = PickTarget(/*generations=*/true);
  const ModelObject* object = target.owner->Find(target.name, target.generation);
  const Wish wish = PickWish(object);
  const std::string call =
      "/download" + ObjectPath(target) + "?alt=media" + Parameters(target, wish);
  int status = ReadStatus(object, wish);
  std::string expected = status == 200 ? object->bytes : "";
  GcsCaller::HeaderList headers;
  if (status == 200 && Once(3)) {
    const uint64_t size = expected.size();
    const uint64_t first = Pick(static_cast<uint32_t>(size) + 2);
    const uint64_t length = 1 + Pick(5000);
    const bool from_end = Once(3);
    headers.emplace_back("Range", from_end ? fmt::format("bytes=-{}", length)
                                           : fmt::format("bytes={}-{}", first, first + length - 1));
    const bool none = from_end ? size == 0 : first >= size;
    status = none ? 416 : 206;
    const uint64_t at = from_end ? size - std::min(size, length) : first;
    expected = none ? "" : expected.substr(at, length);
  }
  const Answered answered = http_.Call("GET", call, "", headers);
  if (!Expect("GET " + call, answered, status)) return;
  if ((status == 200 || status == 206) && answered.body != expected) {
    Differ(fmt::format("GET {}: other bytes ({} instead of {})", call, answered.body.size(),
                       expected.size()));
  }
}

void ApiWalk::Patch() {
  const Target target = PickTarget(/*generations=*/true);
  ModelObject* object = target.owner->Find(target.name, target.generation);
  const Wish wish = PickWish(object);
  Json body = Json::object();
  ModelObject edited = object == nullptr ? ModelObject() : *object;
  switch (Pick(5)) {
    case 0:
      edited.temporary_hold = Once(2);
      body["temporaryHold"] = edited.temporary_hold;
      break;
    case 1:
      edited.event_based_hold = Once(3);
      edited.temporary_hold = false;
      body["eventBasedHold"] = edited.event_based_hold;
      body["temporaryHold"] = nullptr;
      break;
    case 2:
      edited.content_type = "x/y";
      body["contentType"] = "x/y";
      break;
    case 3:
      edited.metadata.erase("other");
      edited.metadata["k"] = "patched";
      body["metadata"] = Json{{"k", "patched"}, {"other", nullptr}};
      break;
    default:
      edited.metadata.clear();
      body["metadata"] = nullptr;
  }
  ++edited.metageneration;
  const std::string call = ObjectPath(target) + "?fields=*" + Parameters(target, wish);
  const Answered answered = http_.Call("PATCH", call, body.dump());
  const int status = object == nullptr ? 404 : WriteCondition(object, wish);
  if (!Expect("PATCH " + call, answered, status) || status != 200) return;
  ExpectResource("PATCH " + call, answered.json(), target, edited);
  *object = std::move(edited);
}

void ApiWalk::Delete() {
  const Target target = PickTarget(/*generations=*/true);
  const Wish wish = PickWish(target.owner->Find(target.name, target.generation));
  const std::string call = ObjectPath(target) + "?x=y" + Parameters(target, wish);
  const int status = DeleteStatus(*target.owner, target.name, target.generation, wish);
  if (!Expect("DELETE " + call, http_.Call("DELETE", call), status) || status != 204) return;
  testing::Delete(target.owner, target.name, target.generation, Now());
}

void ApiWalk::BatchDelete() {
  std::string body;
  std::vector<int> expected;
  for (uint32_t calls = 1 + Pick(4); calls > 0; --calls) {
    const Target target = PickTarget(/*generations=*/true);
    const Wish wish = PickWish(target.owner->Find(target.name, target.generation));
    body += fmt::format(
        "--b\r\nContent-Type: application/http\r\n\r\nDELETE {}?x=y{} HTTP/1.1\r\n\r\n\r\n",
        ObjectPath(target), Parameters(target, wish));
    expected.push_back(DeleteStatus(*target.owner, target.name, target.generation, wish));
    if (expected.back() == 204) {
      testing::Delete(target.owner, target.name, target.generation, Now());
    }
  }
  const Answered answered = http_.Call("POST", "/batch/storage/v1", body + "--b--\r\n",
                                       {{"Content-Type", "multipart/mixed; boundary=b"}});
  if (!Expect("batch", answered, 200)) return;
  size_t at = 0;
  for (const int status : expected) {
    at = answered.body.find("HTTP/1.1 ", at);
    if (at == std::string::npos) return Differ("batch: an answer is missing");
    const int got = std::atoi(answered.body.c_str() + at + 9);
    if (got != status) Differ(fmt::format("batch: {} instead of {} in {}", got, status, body));
    at += 9;
  }
}

void ApiWalk::List() {
  const std::string bucket = PickBucket();
  ModelListing listing;
  listing.which = static_cast<ModelListing::Which>(Pick(3));
  if (Once(2)) listing.delimiter = "/";
  listing.trailing_delimiter = Once(4);
  if (Once(3)) listing.prefix = PickName();
  if (Once(4)) listing.start_offset = PickName();
  if (Once(4)) listing.end_offset = PickName();
  std::string call = fmt::format(
      "/storage/v1/b/{}/o?prefix={}&delimiter={}&startOffset={}&endOffset={}&maxResults={}"
      "&includeTrailingDelimiter={}",
      bucket, PercentEncode(listing.prefix), PercentEncode(listing.delimiter),
      PercentEncode(listing.start_offset), PercentEncode(listing.end_offset),
      Once(3) ? 1 + Pick(4) : 1000, listing.trailing_delimiter);
  if (listing.which == ModelListing::Which::kVersions) call += "&versions=true";
  if (listing.which == ModelListing::Which::kSoftDeleted) call += "&softDeleted=true";
  ModelPage found;
  std::string token;
  do {
    const Answered answered =
        http_.Call("GET", call + (token.empty() ? "" : "&pageToken=" + PercentEncode(token)));
    if (!Expect("GET " + call, answered, 200)) return;
    const Json json = answered.json();
    for (const Json& item : json.value("items", Json::array())) {
      found.items.push_back(Text(item, "name") + "#" + Text(item, "generation"));
    }
    for (const Json& prefix : json.value("prefixes", Json::array())) {
      found.prefixes.push_back(prefix.get<std::string>());
    }
    token = Text(json, "nextPageToken");
  } while (!token.empty());
  const ModelPage expected = testing::List(buckets_[bucket], listing);
  if (found.items != expected.items || found.prefixes != expected.prefixes) {
    Differ(fmt::format("GET {}: items {} instead of {}, prefixes {} instead of {}", call,
                       fmt::join(found.items, " "), fmt::join(expected.items, " "),
                       fmt::join(found.prefixes, " "), fmt::join(expected.prefixes, " ")));
  }
}

void ApiWalk::EditBucket() {
  const std::string name = PickBucket();
  ModelBucket& bucket = buckets_[name];
  Json body = Json::object();
  if (Once(2)) {
    bucket.versioning = !Once(3);
    body["versioning"] = Json{{"enabled", bucket.versioning}};
  } else {
    bucket.soft_delete_seconds = Once(2) ? 7 * 24 * 3600 : 0;
    body["softDeletePolicy"] =
        Json{{"retentionDurationSeconds", std::to_string(bucket.soft_delete_seconds)}};
  }
  Expect("edit bucket", http_.Call("PATCH", "/storage/v1/b/" + name, body.dump()), 200);
}

void ApiWalk::DeleteBucket() {
  const std::string name = PickBucket();
  ModelBucket& bucket = buckets_[name];
  const bool full = !bucket.live.empty() || !bucket.noncurrent.empty();
  const std::string call = "/storage/v1/b/" + name;
  if (!Expect("DELETE " + call, http_.Call("DELETE", call), full ? 409 : 204) || full) return;
  bucket = {};
  const std::string path = fmt::format("{}/o", call);
  Expect("list a deleted bucket", http_.Call("GET", path), 404);
  Expect("make it again",
         http_.Call("POST", "/storage/v1/b?project=p", fmt::format(R"({{"name":"{}"}})", name)),
         200);
}

// Days go by, housekeeping runs, and what is old is deleted.
void ApiWalk::PassTime() {
  http_.clock.Advance(std::chrono::hours(24 * 8));
  for (bool more = true; more;) {
    const Result<bool> swept = http_.store->Sweep();
    if (!swept.ok()) return Differ("sweep: " + swept.status().ToString());
    more = *swept;
  }
  for (auto& [name, bucket] : buckets_) {
    ExpireSoftDeleted(&bucket, Now());
    while (bucket.noncurrent.size() > kManyGenerations / 4 && difference_.empty()) {
      const auto it = std::next(bucket.noncurrent.begin(),
                                Pick(static_cast<uint32_t>(bucket.noncurrent.size())));
      const Target target{name, it->first.first, it->first.second, &bucket};
      if (it->second.held()) {
        it->second.temporary_hold = false;
        it->second.event_based_hold = false;
        ++it->second.metageneration;
        Expect("let go",
               http_.Call("PATCH", ObjectPath(target) + "?x=y" + Parameters(target, {}),
                          R"({"temporaryHold":false,"eventBasedHold":false})"),
               200);
      }
      const std::string call = ObjectPath(target) + "?x=y" + Parameters(target, {});
      if (!Expect("DELETE " + call, http_.Call("DELETE", call), 204)) return;
      testing::Delete(&bucket, target.name, target.generation, Now());
    }
  }
}

void ApiWalk::ReadAll(const std::string& bucket, ModelBucket* owner) {
  const auto read = [&](const std::string& name, const ModelObject& object) {
    const Target target{bucket, name, object.generation, owner};
    const std::string call = ObjectPath(target) + "?alt=media" + Parameters(target, {});
    const Answered answered = http_.Call("GET", call);
    if (Expect("GET " + call, answered, 200) && answered.body != object.bytes) {
      Differ("GET " + call + ": other bytes");
    }
  };
  for (const auto& [name, object] : owner->live) read(name, object);
  for (const auto& [key, object] : owner->noncurrent) read(key.first, object);
}

void ApiWalk::Drain() {
  PassTime();
  if (!difference_.empty()) return;
  size_t objects = 0;
  for (auto& [name, bucket] : buckets_) {
    ReadAll(name, &bucket);
    objects += bucket.live.size() + bucket.noncurrent.size() + bucket.soft_deleted.size();
  }
  const Result<store::FsckReport> report = http_.store->Fsck();
  if (!report.ok()) return Differ("fsck: " + report.status().ToString());
  if (!report->problems.empty()) return Differ("fsck: " + report->problems.front());
  if (report->objects != objects) {
    Differ(fmt::format("fsck: {} objects instead of {}", report->objects, objects));
  }
}

}  // namespace hodei::wire::gcs::testing
