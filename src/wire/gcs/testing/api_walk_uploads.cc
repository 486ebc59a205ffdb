// The walk's ways to bring bytes in: simple, multipart, XML and resumable, and uploads that end
// early.
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "wire/gcs/testing/api_walk.h"

namespace hodei::wire::gcs::testing {
namespace {

constexpr char kWrongMd5[] = "md5=AAAAAAAAAAAAAAAAAAAAAA==";

std::string PathOfSession(const Answered& started) {
  const std::string location(started.headers.Get("Location"));
  const size_t path = location.find("/upload/");
  return path == std::string::npos ? location : location.substr(path);
}

}  // namespace

void ApiWalk::Insert() {
  Upload upload;
  upload.target = PickTarget(/*generations=*/false);
  upload.wish = PickWish(upload.target.owner->Live(upload.target.name));
  upload.object.bytes = PickBytes();
  upload.object.content_type = Once(3) ? "text/plain" : "application/x-tar";
  upload.bad_hash = Once(12);
  if (upload.bad_hash) upload.wish = {};
  switch (Pick(5)) {
    case 0:
      return InsertMultipart(upload);
    case 1:
      return InsertXml(upload);
    case 2:
      return InsertResumable(upload);
    default:
      return InsertMedia(upload);
  }
}

// The end of every upload: what it must say, and what the model then has.
void ApiWalk::Finish(const std::string& call, const Answered& answered, const Upload& upload) {
  const int status = upload.bad_hash
                         ? 400
                         : OverwriteStatus(*upload.target.owner, upload.target.name, upload.wish);
  if (!Expect(call, answered, status) || status != 200) return;
  ExpectCreated(call, answered.json(), upload.target, upload.object);
}

void ApiWalk::InsertMedia(const Upload& upload) {
  const Target& target = upload.target;
  const std::string call =
      fmt::format("/upload/storage/v1/b/{}/o?uploadType=media&name={}{}", target.bucket,
                  PercentEncode(target.name), Parameters(target, upload.wish));
  const Answered answered = http_.Call("POST", call, upload.object.bytes,
                                       {{"Content-Type", upload.object.content_type},
                                        {"x-goog-hash", upload.bad_hash ? kWrongMd5 : ""}});
  Finish("POST " + call, answered, upload);
}

void ApiWalk::InsertMultipart(const Upload& planned) {
  Upload upload = planned;
  ModelObject& object = upload.object;
  object.metadata = PickMetadata();
  object.temporary_hold = Once(20);
  object.event_based_hold = Once(20);
  Json resource = {{"name", upload.target.name}, {"contentType", object.content_type}};
  if (!object.metadata.empty()) resource["metadata"] = object.metadata;
  if (object.temporary_hold) resource["temporaryHold"] = true;
  if (object.event_based_hold) resource["eventBasedHold"] = true;
  if (upload.bad_hash) resource["crc32c"] = "AAAAAQ==";  // no content's of ours
  const std::string call =
      fmt::format("/upload/storage/v1/b/{}/o?uploadType=multipart{}", upload.target.bucket,
                  Parameters(upload.target, upload.wish));
  const Answered answered = http_.Call(
      "POST", call,
      fmt::format("--B-1\r\nContent-Type: application/json\r\n\r\n{}\r\n--B-1\r\nContent-Type: "
                  "{}\r\n\r\n{}\r\n--B-1--\r\n",
                  resource.dump(), object.content_type, object.bytes),
      {{"Content-Type", "multipart/related; boundary=B-1"}});
  Finish("POST " + call, answered, upload);
}

void ApiWalk::InsertXml(const Upload& planned) {
  Upload upload = planned;
  upload.object.metadata = PickMetadata();
  // The XML API has two of the four preconditions.
  upload.wish.not_generation.reset();
  upload.wish.not_metageneration.reset();
  GcsCaller::HeaderList headers = {{"Content-Type", upload.object.content_type},
                                   {"x-goog-hash", upload.bad_hash ? kWrongMd5 : ""}};
  for (const auto& [key, value] : upload.object.metadata) {
    headers.emplace_back("X-Goog-Meta-" + key, value);
  }
  const Wish& wish = upload.wish;
  if (wish.generation) {
    headers.emplace_back("x-goog-if-generation-match", std::to_string(*wish.generation));
  }
  if (wish.metageneration) {
    headers.emplace_back("x-goog-if-metageneration-match", std::to_string(*wish.metageneration));
  }
  const Target& target = upload.target;
  const std::string call = fmt::format("/{}/{}", target.bucket, PercentEncode(target.name));
  const Answered answered = http_.Call("PUT", call, upload.object.bytes, headers);
  const int status =
      upload.bad_hash ? 400 : OverwriteStatus(*target.owner, target.name, upload.wish);
  if (!Expect("PUT " + call, answered, status) || status != 200) return;
  const Json json = http_.Call("GET", ObjectPath(target)).json();
  if (json.value("generation", "") != answered.headers.Get("x-goog-generation")) {
    Differ("PUT " + call + ": another generation in its header");
  }
  ExpectCreated("PUT " + call, json, target, upload.object);
}

void ApiWalk::InsertResumable(const Upload& upload) {
  const Target& target = upload.target;
  const std::string call =
      fmt::format("/upload/storage/v1/b/{}/o?uploadType=resumable&name={}{}", target.bucket,
                  PercentEncode(target.name), Parameters(target, upload.wish));
  const Answered started = http_.Call("POST", call, "{}",
                                      {{"X-Upload-Content-Type", upload.object.content_type},
                                       {"x-goog-hash", upload.bad_hash ? kWrongMd5 : ""}});
  // What would fail at the end fails before the bytes are sent.
  const int status = OverwriteStatus(*target.owner, target.name, upload.wish);
  if (!Expect("POST " + call, started, status) || status != 200) return;
  const std::string session = PathOfSession(started);
  const std::string& bytes = upload.object.bytes;
  size_t sent = 0;
  // Chunks; some bytes again, as after a lost answer.
  while (bytes.size() - sent > 256 && !Once(3)) {
    const size_t piece = 1 + Pick(static_cast<uint32_t>(bytes.size() - sent - 1));
    const size_t from = sent - std::min<size_t>(sent, Pick(4));
    const size_t end = sent + piece;
    const Answered more =
        http_.Call("PUT", session, bytes.substr(from, end - from),
                   {{"Content-Range", fmt::format("bytes {}-{}/*", from, end - 1)}});
    if (!Expect("PUT a chunk", more, 308)) return;
    sent = end;
    if (more.headers.Get("Range") != fmt::format("bytes=0-{}", sent - 1)) {
      return Differ(fmt::format("308 says {} after {} bytes", more.headers.Get("Range"), sent));
    }
    const Answered asked = http_.Call("PUT", session, "", {{"Content-Range", "bytes */*"}});
    if (!Expect("ask a session", asked, 308)) return;
  }
  if (Once(12)) {
    Expect("cancel a session", http_.Call("DELETE", session), 499);
    Expect("a cancelled session", http_.Call("PUT", session, "", {{"Content-Range", "bytes */*"}}),
           404);
    return;
  }
  const std::string range =
      bytes.empty() ? "bytes */0"
                    : fmt::format("bytes {}-{}/{}", sent, bytes.size() - 1, bytes.size());
  Finish("PUT " + session,
         http_.Call("PUT", session, bytes.substr(sent), {{"Content-Range", range}}), upload);
}

// The client goes away in the middle, or says something that is none: nothing is to be seen of it.
void ApiWalk::AbandonUpload() {
  const Target target = PickTarget(/*generations=*/false);
  const std::string call = fmt::format("/upload/storage/v1/b/{}/o?uploadType=media&name={}",
                                       target.bucket, PercentEncode(target.name));
  switch (Pick(3)) {
    case 0:
      http_.CallAndDrop("POST", call, PickBytes(), {});
      break;
    case 1:
      Expect("a bad number", http_.Call("POST", call + "&ifGenerationMatch=x", "bytes"), 400);
      break;
    default:
      Expect("a bad body", http_.Call("PATCH", ObjectPath(target), "{\"metadata\":7}"),
             target.owner->Live(target.name) == nullptr ? 404 : 400);
  }
}

}  // namespace hodei::wire::gcs::testing
