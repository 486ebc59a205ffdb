#include "wire/gcs/testing/api_model.h"

#include <set>

namespace hodei::wire::gcs::testing {
namespace {

// What is gone for good stays for a while when the bucket says so.
void Discard(ModelBucket* bucket, const std::string& name, ModelObject object, int64_t now) {
  if (bucket->soft_delete_seconds == 0) return;
  const GenerationKey key{name, object.generation};
  bucket->soft_deleted_until[key] = now + bucket->soft_delete_seconds;
  bucket->soft_deleted[key] = std::move(object);
}

}  // namespace

ModelObject* ModelBucket::Find(const std::string& name, std::optional<int64_t> generation) {
  const auto it = live.find(name);
  if (it != live.end() && (!generation || it->second.generation == *generation)) {
    return &it->second;
  }
  if (!generation) return nullptr;
  const auto old = noncurrent.find({name, *generation});
  return old == noncurrent.end() ? nullptr : &old->second;
}

const ModelObject* ModelBucket::Live(const std::string& name) const {
  const auto it = live.find(name);
  return it == live.end() ? nullptr : &it->second;
}

bool ModelBucket::IsLive(const std::string& name, int64_t generation) const {
  const ModelObject* object = Live(name);
  return object != nullptr && object->generation == generation;
}

int ReadStatus(const ModelObject* object, const Wish& wish) {
  if (object == nullptr) return 404;
  if (wish.generation && *wish.generation != object->generation) return 412;
  if (wish.not_generation && *wish.not_generation == object->generation) return 304;
  if (wish.metageneration && *wish.metageneration != object->metageneration) return 412;
  if (wish.not_metageneration && *wish.not_metageneration == object->metageneration) return 304;
  return 200;
}

int WriteCondition(const ModelObject* object, const Wish& wish) {
  if (object == nullptr) {
    // An absent object has generation 0 and no metageneration.
    const bool met = wish.generation.value_or(0) == 0 && wish.not_generation.value_or(1) != 0 &&
                     !wish.metageneration;
    return met ? 200 : 412;
  }
  return ReadStatus(object, wish) == 200 ? 200 : 412;
}

int OverwriteStatus(const ModelBucket& bucket, const std::string& name, const Wish& wish) {
  const ModelObject* live = bucket.Live(name);
  if (const int status = WriteCondition(live, wish); status != 200) return status;
  return live != nullptr && live->held() ? 403 : 200;
}

int DeleteStatus(ModelBucket& bucket, const std::string& name, std::optional<int64_t> generation,
                 const Wish& wish) {
  const ModelObject* object = bucket.Find(name, generation);
  if (const int status = WriteCondition(object, wish); status != 200) return status;
  if (object == nullptr) return 404;
  return object->held() ? 403 : 204;
}

void Supersede(ModelBucket* bucket, const std::string& name, int64_t now) {
  const auto it = bucket->live.find(name);
  if (it == bucket->live.end()) return;
  ModelObject object = std::move(it->second);
  bucket->live.erase(it);
  if (bucket->versioning) {
    bucket->noncurrent[{name, object.generation}] = std::move(object);
  } else {
    Discard(bucket, name, std::move(object), now);
  }
}

void Install(ModelBucket* bucket, const std::string& name, ModelObject object, int64_t now) {
  Supersede(bucket, name, now);
  bucket->live[name] = std::move(object);
}

void Delete(ModelBucket* bucket, const std::string& name, std::optional<int64_t> generation,
            int64_t now) {
  if (!generation) return Supersede(bucket, name, now);
  if (bucket->IsLive(name, *generation)) {
    ModelObject object = std::move(bucket->live[name]);
    bucket->live.erase(name);
    return Discard(bucket, name, std::move(object), now);
  }
  const auto old = bucket->noncurrent.find({name, *generation});
  if (old == bucket->noncurrent.end()) return;
  ModelObject object = std::move(old->second);
  bucket->noncurrent.erase(old);
  Discard(bucket, name, std::move(object), now);
}

void ExpireSoftDeleted(ModelBucket* bucket, int64_t now) {
  for (auto it = bucket->soft_deleted_until.begin(); it != bucket->soft_deleted_until.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    bucket->soft_deleted.erase(it->first);
    it = bucket->soft_deleted_until.erase(it);
  }
}

ModelPage List(const ModelBucket& bucket, const ModelListing& listing) {
  std::set<GenerationKey> all;
  using Which = ModelListing::Which;
  if (listing.which == Which::kSoftDeleted) {
    for (const auto& [key, object] : bucket.soft_deleted) all.insert(key);
  } else {
    for (const auto& [name, object] : bucket.live) all.insert({name, object.generation});
  }
  if (listing.which == Which::kVersions) {
    for (const auto& [key, object] : bucket.noncurrent) all.insert(key);
  }
  ModelPage page;
  std::set<std::string> prefixes;
  for (const auto& [name, generation] : all) {
    if (!name.starts_with(listing.prefix) || name < listing.start_offset) continue;
    if (!listing.end_offset.empty() && name >= listing.end_offset) continue;
    const size_t found = listing.delimiter.empty()
                             ? std::string::npos
                             : name.find(listing.delimiter, listing.prefix.size());
    const bool grouped = found != std::string::npos;
    const std::string group = grouped ? name.substr(0, found + listing.delimiter.size()) : "";
    if (grouped) prefixes.insert(group);
    if (!grouped || (listing.trailing_delimiter && name == group)) {
      page.items.push_back(name + "#" + std::to_string(generation));
    }
  }
  page.prefixes.assign(prefixes.begin(), prefixes.end());
  return page;
}

}  // namespace hodei::wire::gcs::testing
