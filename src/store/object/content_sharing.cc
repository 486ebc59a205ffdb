// The same bytes are stored once: a new content gives way to one that is there with the same
// digest.
#include <fmt/format.h>

#include "store/object/content_digest.h"
#include "store/object/indexed_store.h"

namespace hodei::store {
namespace {

// Each attempt either ends or has learned something; more are needed only when what was just
// checked disappears again and again.
constexpr int kSharingAttempts = 6;

Status TryAgain() { return Aborted("the content's twin must be looked at first"); }

bool SamePlace(const ContentRow& a, const ContentRow& b) {
  return a.id == b.id && a.segment == b.segment && a.offset == b.offset;
}

}  // namespace

void RecentlyChecked::Add(int64_t content_id) {
  std::lock_guard lock(mutex_);
  if (seen_.size() >= kLimit) seen_.clear();
  seen_[content_id] = clock_.Monotonic();
}

void RecentlyChecked::Remove(int64_t content_id) {
  std::lock_guard lock(mutex_);
  seen_.erase(content_id);
}

bool RecentlyChecked::Contains(int64_t content_id) const {
  std::lock_guard lock(mutex_);
  const auto it = seen_.find(content_id);
  return it != seen_.end() && clock_.Monotonic() - it->second < Nanoseconds(kAge);
}

// Within the index write, before anything else is changed.
Result<int64_t> IndexedStore::PlaceContent(Index& index, ContentSharing* sharing) {
  const ContentFacts& facts = sharing->content.facts();
  std::optional<ContentRow> twin;
  if (!sharing->off) {
    ASSIGN_OR_RETURN(twin, index.FindContentByDigest(facts.digest));
  }
  if (twin && (twin->size_bytes != facts.size_bytes || twin->crc32c != facts.crc32c)) twin.reset();
  if (twin && !sharing->rotten.contains(twin->id)) {
    const bool good = recently_checked_.Contains(twin->id) ||
                      (sharing->checked && SamePlace(*sharing->checked, *twin));
    if (!good) {
      sharing->candidate = std::move(twin);
      sharing->again = true;
      return TryAgain();
    }
    ++twin->references;
    RETURN_IF_ERROR(index.PutContent(*twin));
    return twin->id;
  }
  if (sharing->content.large() && !sharing->synced) {
    sharing->again = true;
    return TryAgain();
  }
  if (twin) {
    // From now on this digest stands for the good bytes.
    twin->digest.clear();
    RETURN_IF_ERROR(index.PutContent(*twin));
  }
  ASSIGN_OR_RETURN(const int64_t id,
                   sharing->content.Store(index, sharing->off ? std::string() : facts.digest));
  sharing->stored = true;
  sharing->content_id = id;
  return id;
}

void IndexedStore::CheckTwin(ContentSharing* sharing) {
  const ContentRow twin = *std::exchange(sharing->candidate, std::nullopt);
  if (twin.segment == 0) {
    const Result<bool> vouched = contents_.Vouches(twin);
    if (vouched.ok() && *vouched) {
      sharing->checked = twin;
      return;
    }
  }
  ContentDigest digest(tools_.digest_key);
  const Status read = ReadContent(twin, [&](std::string_view piece) {
    digest.Update(piece);
    return OkStatus();
  });
  if (read.ok() && digest.Final() == twin.digest) {
    recently_checked_.Add(twin.id);
    sharing->checked = twin;
  } else if (read.code() != Code::kNotFound) {  // NOT_FOUND: it moved or went; look again
    sharing->rotten.insert(twin.id);
  }
}

// Before the index write, so that large bytes that are there already are not even synced.
Status IndexedStore::PrepareSharing(ContentSharing* sharing) {
  if (!sharing->content.large()) return OkStatus();
  const ContentFacts& facts = sharing->content.facts();
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(sharing->candidate, index.FindContentByDigest(facts.digest));
    return OkStatus();
  }));
  if (sharing->candidate && sharing->candidate->size_bytes != facts.size_bytes) {
    sharing->candidate.reset();
  }
  if (sharing->candidate) CheckTwin(sharing);
  return sharing->checked ? OkStatus() : SyncSharing(sharing);
}

Status IndexedStore::SyncSharing(ContentSharing* sharing) {
  if (!sharing->content.large() || sharing->synced) return OkStatus();
  RETURN_IF_ERROR(sharing->content.Sync());
  sharing->synced = true;
  return OkStatus();
}

Status IndexedStore::ChangeWith(
    ContentSharing* sharing,
    const std::function<Status(Index&, const PlaceFunction&, Freed*)>& change) {
  for (int attempt = 0;; ++attempt) {
    sharing->again = false;
    sharing->stored = false;
    const Status status = Change([&](Index& index, Freed* freed) -> Status {
      return change(
          index, [&] { return PlaceContent(index, sharing); }, freed);
    });
    if (!sharing->again) {
      if (!status.ok() || !sharing->stored) return status;
      sharing->content.Keep();
      recently_checked_.Add(sharing->content_id);
      return status;
    }
    if (attempt == kSharingAttempts) return Internal("a content's twin keeps changing");
    sharing->off = attempt + 1 == kSharingAttempts;
    if (sharing->candidate && !sharing->off) {
      CheckTwin(sharing);
    } else {
      sharing->candidate.reset();
      RETURN_IF_ERROR(SyncSharing(sharing));
    }
  }
}

}  // namespace hodei::store
