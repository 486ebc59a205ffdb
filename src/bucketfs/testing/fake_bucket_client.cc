#include "bucketfs/testing/fake_bucket_client.h"

#include <set>
#include <utility>

namespace hodei::bucketfs::testing {

Status FakeBucketClient::Change() { return std::exchange(state_->next_error, OkStatus()); }

Result<std::vector<std::string>> FakeBucketClient::ListBuckets() {
  std::vector<std::string> names;
  for (const auto& [name, objects] : state_->buckets) names.push_back(name);
  return names;
}

Status FakeBucketClient::FindBucket(const std::string& bucket) {
  return state_->buckets.contains(bucket) ? OkStatus() : NotFound("no bucket");
}

Result<ObjectInfo> FakeBucketClient::Find(const std::string& bucket, const std::string& object) {
  RETURN_IF_ERROR(FindBucket(bucket));
  const auto& objects = state_->buckets[bucket];
  const auto it = objects.find(object);
  if (it == objects.end()) return NotFound("no object");
  return ObjectInfo{object, it->second.size(), 1, 1'700'000'000};
}

Result<Listing> FakeBucketClient::List(const std::string& bucket, const std::string& prefix,
                                       const std::string& page, size_t limit) {
  RETURN_IF_ERROR(FindBucket(bucket));
  Listing listing;
  std::set<std::string> prefixes;
  for (const auto& [name, bytes] : state_->buckets[bucket]) {
    if (!name.starts_with(prefix)) continue;
    const size_t slash = name.find('/', prefix.size());
    const std::string entry = slash == std::string::npos ? name : name.substr(0, slash + 1);
    if (entry <= page || prefixes.contains(entry)) continue;
    if (listing.objects.size() + prefixes.size() == limit) {
      listing.next = listing.objects.empty() ? *prefixes.rbegin() : listing.objects.back().name;
      if (!prefixes.empty()) listing.next = std::max(listing.next, *prefixes.rbegin());
      break;
    }
    if (slash == std::string::npos) {
      listing.objects.push_back({name, bytes.size(), 1, 1'700'000'000});
    } else {
      prefixes.insert(entry);
    }
  }
  listing.prefixes.assign(prefixes.begin(), prefixes.end());
  return listing;
}

Result<std::string> FakeBucketClient::Read(const std::string& bucket, const ObjectInfo& object,
                                           uint64_t offset, size_t size) {
  RETURN_IF_ERROR(Find(bucket, object.name).status());
  const std::string& bytes = state_->buckets[bucket][object.name];
  return offset >= bytes.size() ? std::string() : bytes.substr(offset, size);
}

Result<ObjectInfo> FakeBucketClient::Put(const std::string& bucket, const std::string& object,
                                         const std::string& bytes) {
  RETURN_IF_ERROR(Change());
  RETURN_IF_ERROR(FindBucket(bucket));
  ++state_->puts;
  state_->buckets[bucket][object] = bytes;
  return Find(bucket, object);
}

Result<std::string> FakeBucketClient::BeginUpload(const std::string& bucket,
                                                  const std::string& object) {
  RETURN_IF_ERROR(FindBucket(bucket));
  sessions_[bucket + "/" + object] = "";
  return bucket + "/" + object;
}

Status FakeBucketClient::UploadPiece(const std::string& session, uint64_t offset,
                                     const std::string& bytes, bool last) {
  RETURN_IF_ERROR(Change());
  ++state_->pieces;
  std::string& sent = sessions_[session];
  if (sent.size() != offset || (!last && bytes.size() % kPieceUnit != 0)) {
    return InvalidArgument("a piece in the wrong place");
  }
  sent += bytes;
  if (!last) return OkStatus();
  const size_t slash = session.find('/');
  state_->buckets[session.substr(0, slash)][session.substr(slash + 1)] = std::move(sent);
  sessions_.erase(session);
  return OkStatus();
}

Status FakeBucketClient::CancelUpload(const std::string& session) {
  ++state_->cancelled;
  sessions_.erase(session);
  return OkStatus();
}

Result<ObjectInfo> FakeBucketClient::Append(const std::string& bucket, const std::string& object,
                                            const std::string& tail) {
  RETURN_IF_ERROR(Change());
  RETURN_IF_ERROR(Find(bucket, object).status());
  ++state_->appends;
  state_->buckets[bucket][object] += tail;
  return Find(bucket, object);
}

Status FakeBucketClient::Copy(const std::string& from_bucket, const std::string& from,
                              const std::string& to_bucket, const std::string& to) {
  RETURN_IF_ERROR(Change());
  RETURN_IF_ERROR(Find(from_bucket, from).status());
  RETURN_IF_ERROR(FindBucket(to_bucket));
  state_->buckets[to_bucket][to] = state_->buckets[from_bucket][from];
  return OkStatus();
}

Status FakeBucketClient::Delete(const std::string& bucket, const std::string& object) {
  RETURN_IF_ERROR(Change());
  RETURN_IF_ERROR(Find(bucket, object).status());
  state_->buckets[bucket].erase(object);
  return OkStatus();
}

}  // namespace hodei::bucketfs::testing
