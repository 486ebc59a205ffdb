// The walk's objects made from other objects.
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "wire/gcs/testing/api_walk.h"

namespace hodei::wire::gcs::testing {
namespace {

constexpr size_t kComposedBytesLimit = 500'000;

}  // namespace

void ApiWalk::Compose() {
  const Target target = PickTarget(/*generations=*/false);
  const Wish wish = PickWish(target.owner->Live(target.name));
  Json sources = Json::array();
  ModelObject composed;
  int status = 200;
  for (uint32_t count = Pick(5); count > 0; --count) {
    Target source = PickTarget(/*generations=*/true);
    source.bucket = target.bucket;
    source.owner = target.owner;
    const ModelObject* object = source.owner->Find(source.name, source.generation);
    Json json = {{"name", source.name}};
    if (source.generation) json["generation"] = std::to_string(*source.generation);
    Wish match;
    if (object != nullptr && Once(6)) {
      match.generation = Once(2) ? object->generation : 5;
      json["objectPreconditions"] = {{"ifGenerationMatch", *match.generation}};
    }
    sources.push_back(json);
    if (status != 200) continue;  // the first that is wrong decides
    status = ReadStatus(object, match);
    if (status != 200) continue;
    if (composed.content_type.empty()) composed.content_type = object->content_type;
    composed.components += std::max(object->components, 1);
    composed.bytes += object->bytes;
  }
  if (composed.bytes.size() > kComposedBytesLimit) return;  // they would double for ever
  if (sources.empty()) status = 400;
  if (status == 200) status = OverwriteStatus(*target.owner, target.name, wish);
  Json body = {{"sourceObjects", sources}};
  if (Once(2)) {
    composed.content_type = "composed/one";
    composed.metadata = PickMetadata();
    body["destination"] = {{"contentType", composed.content_type}};
    if (!composed.metadata.empty()) body["destination"]["metadata"] = composed.metadata;
  }
  const std::string call = ObjectPath(target) + "/compose?x=y" + Parameters(target, wish);
  const Answered answered = http_.Call("POST", call, body.dump());
  if (!Expect(fmt::format("POST {} {}", call, body.dump()), answered, status)) return;
  if (status == 200) ExpectCreated("POST " + call, answered.json(), target, std::move(composed));
}

void ApiWalk::Copy() {
  const Target source = PickTarget(/*generations=*/true);
  const Target target = PickTarget(/*generations=*/false);
  const ModelObject* object = source.owner->Find(source.name, source.generation);
  const Wish source_wish = PickWish(object);
  const Wish wish = PickWish(target.owner->Live(target.name));
  const bool rewrite = Once(2);
  std::string body;
  ModelObject copy = object == nullptr ? ModelObject() : *object;
  copy.temporary_hold = false;
  copy.event_based_hold = false;
  if (Once(3)) {  // metadata of its own in place of the source's
    copy.metadata = {{"of", "the copy"}};
    copy.temporary_hold = Once(10);
    Json json = {{"metadata", copy.metadata}};
    if (copy.temporary_hold) json["temporaryHold"] = true;
    body = json.dump();
  } else if (Once(2)) {
    body = "{}";
  }
  int status = object == nullptr ? 404 : WriteCondition(object, source_wish);
  if (status == 200) status = OverwriteStatus(*target.owner, target.name, wish);
  const std::string call =
      fmt::format("{}/{}/b/{}/o/{}?x=y{}{}", ObjectPath(source), rewrite ? "rewriteTo" : "copyTo",
                  target.bucket, PercentEncode(target.name), SourceParameters(source, source_wish),
                  Parameters(target, wish));
  const Answered answered = http_.Call("POST", call, body);
  if (!Expect("POST " + call, answered, status) || status != 200) return;
  const Json json = answered.json();
  if (rewrite && !json.value("done", false)) return Differ("POST " + call + ": not done");
  ExpectCreated("POST " + call, rewrite ? json.value("resource", Json()) : json, target,
                std::move(copy));
}

void ApiWalk::Move() {
  const Target source = PickTarget(/*generations=*/true);
  Target target = source;
  target.name = PickName();
  target.generation.reset();
  const ModelObject* object = source.owner->Find(source.name, source.generation);
  const Wish source_wish = PickWish(object);
  const Wish wish = PickWish(target.owner->Live(target.name));
  int status = 200;
  if (source.name == target.name) {
    status = 400;
  } else if (object == nullptr) {
    status = 404;
  } else {
    status = WriteCondition(object, source_wish);
    if (status == 200 && object->held()) status = 403;
    if (status == 200) status = OverwriteStatus(*target.owner, target.name, wish);
  }
  const std::string call =
      fmt::format("{}/moveTo/o/{}?x=y{}{}", ObjectPath(source), PercentEncode(target.name),
                  SourceParameters(source, source_wish), Parameters(target, wish));
  const Answered answered = http_.Call("POST", call);
  if (!Expect("POST " + call, answered, status) || status != 200) return;
  const ModelObject moved = *object;
  const bool was_live = source.owner->IsLive(source.name, moved.generation);
  ExpectCreated("POST " + call, answered.json(), target, moved);
  testing::Delete(source.owner, source.name,
                  was_live ? std::nullopt : std::optional(moved.generation), Now());
}

void ApiWalk::Restore() {
  Target target = PickTarget(/*generations=*/true);
  const auto& soft = target.owner->soft_deleted;
  if (!soft.empty() && Once(2)) {
    const auto it = std::next(soft.begin(), Pick(static_cast<uint32_t>(soft.size())));
    target.name = it->first.first;
    target.generation = it->first.second;
  }
  if (!target.generation) target.generation = 3;
  const GenerationKey key{target.name, *target.generation};
  const ModelObject* from = nullptr;
  if (const auto it = soft.find(key); it != soft.end()) from = &it->second;
  const auto old = target.owner->noncurrent.find(key);
  if (from == nullptr && old != target.owner->noncurrent.end()) from = &old->second;
  if (Once(2)) {  // only look
    const std::string call = ObjectPath(target) + "?softDeleted=true" + Parameters(target, {});
    const bool there = soft.contains(key);
    Expect("GET " + call, http_.Call("GET", call), there ? 200 : 404);
    return;
  }
  const Wish wish = PickWish(target.owner->Live(target.name));
  const int status = from == nullptr ? 404 : OverwriteStatus(*target.owner, target.name, wish);
  const std::string call = ObjectPath(target) + "/restore?x=y" + Parameters(target, wish);
  const Answered answered = http_.Call("POST", call);
  if (!Expect("POST " + call, answered, status) || status != 200) return;
  ModelObject restored = *from;
  ExpectCreated("POST " + call, answered.json(), target, std::move(restored));
}

}  // namespace hodei::wire::gcs::testing
