// What Cloud Storage's object API should do, in the plainest way: maps, and a status for every
// wish. Written from the protocol's documentation, not from the store; the walk in api_walk.h makes
// the same calls to the real API and compares.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hodei::wire::gcs::testing {

// Preconditions of one call.
struct Wish {
  std::optional<int64_t> generation;
  std::optional<int64_t> not_generation;
  std::optional<int64_t> metageneration;
  std::optional<int64_t> not_metageneration;
};

struct ModelObject {
  std::string bytes;
  std::string content_type;
  std::map<std::string, std::string> metadata;
  bool temporary_hold = false;
  bool event_based_hold = false;
  int components = 0;  // 0: not composed
  int64_t generation = 0;
  int64_t metageneration = 1;

  bool held() const { return temporary_hold || event_based_hold; }
};

using GenerationKey = std::pair<std::string, int64_t>;

struct ModelBucket {
  bool versioning = false;
  int64_t soft_delete_seconds = 0;
  std::map<std::string, ModelObject> live;
  std::map<GenerationKey, ModelObject> noncurrent;
  std::map<GenerationKey, ModelObject> soft_deleted;
  std::map<GenerationKey, int64_t> soft_deleted_until;  // unix seconds

  // The live one, or the given generation even if noncurrent; null when there is none.
  ModelObject* Find(const std::string& name, std::optional<int64_t> generation);
  const ModelObject* Live(const std::string& name) const;
  bool IsLive(const std::string& name, int64_t generation) const;
};

struct ModelListing {
  std::string prefix;
  std::string delimiter;
  std::string start_offset;
  std::string end_offset;
  bool trailing_delimiter = false;
  enum class Which { kLive, kVersions, kSoftDeleted } which = Which::kLive;
};

struct ModelPage {
  std::vector<std::string> items;  // "name#generation"
  std::vector<std::string> prefixes;
};

// The statuses that a call must have. 200 means it happens; the caller then does it with the
// functions below.
int ReadStatus(const ModelObject* object, const Wish& wish);
// `object` null: there is none.
int WriteCondition(const ModelObject* object, const Wish& wish);
// Writing over the live `name`: preconditions first, then holds.
int OverwriteStatus(const ModelBucket& bucket, const std::string& name, const Wish& wish);
int DeleteStatus(ModelBucket& bucket, const std::string& name, std::optional<int64_t> generation,
                 const Wish& wish);

// `now`: unix seconds.
void Install(ModelBucket* bucket, const std::string& name, ModelObject object, int64_t now);
// The live one is deleted or overwritten.
void Supersede(ModelBucket* bucket, const std::string& name, int64_t now);
void Delete(ModelBucket* bucket, const std::string& name, std::optional<int64_t> generation,
            int64_t now);
void ExpireSoftDeleted(ModelBucket* bucket, int64_t now);
ModelPage List(const ModelBucket& bucket, const ModelListing& listing);

}  // namespace hodei::wire::gcs::testing
