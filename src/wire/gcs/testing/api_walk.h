// A walk of chosen calls through the object API, each compared with the model. Used by the property
// test, which chooses at random, and by the fuzzer, which chooses by its input.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/gcs/testing/api_model.h"
#include "wire/gcs/testing/gcs_caller.h"

namespace hodei::wire::gcs::testing {

class Choices {
 public:
  virtual ~Choices() = default;
  // 0 … n - 1.
  virtual uint32_t Below(uint32_t n) = 0;
};

class ApiWalk {
 public:
  // Both must outlive the walk. Makes its buckets.
  ApiWalk(GcsCaller* http, Choices* choices);

  // One call or a few that belong together.
  void Step();
  // Everything the model has is read once more, and the store's own check agrees with the count.
  void Drain();
  // What differed first, or empty. Nothing more is called after that.
  const std::string& difference() const { return difference_; }
  int steps() const { return steps_; }

 private:
  struct Target {
    std::string bucket;
    std::string name;
    std::optional<int64_t> generation;
    ModelBucket* owner = nullptr;
  };
  // How an upload ends; see api_walk_uploads.cc.
  struct Upload {
    Target target;
    ModelObject object;
    Wish wish;
    bool bad_hash = false;
  };

  uint32_t Pick(uint32_t n) { return choices_.Below(n); }
  bool Once(uint32_t in) { return Pick(in) == 0; }
  int64_t Now() const { return http_.clock.Now().unix_nanos / 1'000'000'000; }
  std::string PickBucket();
  std::string PickName();
  // An object that is there, if there is one, or just a name; `generations`: maybe an old one.
  Target PickTarget(bool generations);
  Wish PickWish(const ModelObject* object);
  std::string PickBytes();
  std::map<std::string, std::string> PickMetadata();
  static std::string ObjectPath(const Target& target);
  static std::string Parameters(const Target& target, const Wish& wish);
  static std::string SourceParameters(const Target& target, const Wish& wish);

  void Differ(const std::string& text);
  // False, and the difference is noted, when the statuses are not the same.
  bool Expect(const std::string& call, const Answered& answered, int status);
  void ExpectResource(const std::string& call, const Json& json, const Target& target,
                      const ModelObject& object);
  // The answer is of a new generation: checks it and puts it into the model.
  void ExpectCreated(const std::string& call, const Json& json, const Target& target,
                     ModelObject object);

  void Insert();
  void InsertMedia(const Upload& upload);
  void InsertMultipart(const Upload& upload);
  void InsertXml(const Upload& upload);
  void InsertResumable(const Upload& upload);
  void AbandonUpload();
  void Finish(const std::string& call, const Answered& answered, const Upload& upload);
  void GetMetadata();
  void GetMedia();
  void Patch();
  void Delete();
  void Compose();
  void Copy();
  void Move();
  void Restore();
  void List();
  void EditBucket();
  void DeleteBucket();
  void BatchDelete();
  void PassTime();
  void ReadAll(const std::string& bucket, ModelBucket* owner);

  GcsCaller& http_;
  Choices& choices_;
  std::map<std::string, ModelBucket> buckets_;
  std::string difference_;
  int steps_ = 0;
  int64_t last_generation_ = 0;
};

}  // namespace hodei::wire::gcs::testing
