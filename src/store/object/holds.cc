// References: generations that somebody outside the store holds.
#include <fmt/format.h>

#include "base/encoding.h"
#include "store/object/indexed_store.h"

namespace hodei::store {
namespace {

Status CheckHolder(std::string_view holder) {
  if (!holder.empty() && holder.size() <= kHolderBytesLimit && IsValidUtf8(holder)) {
    return OkStatus();
  }
  return InvalidArgument("A holder's name must be 1 to 1024 bytes of UTF-8.").WithReason("invalid");
}

Object NameOnly(const GenerationName& name) {
  Object out;
  out.set_bucket(name.bucket);
  out.set_name(name.name);
  out.set_generation(name.generation);
  return out;
}

}  // namespace

Result<std::vector<Object>> IndexedStore::HoldGenerations(
    std::string_view holder, const std::vector<GenerationName>& generations) {
  RETURN_IF_ERROR(CheckHolder(holder));
  std::vector<Object> held;
  RETURN_IF_ERROR(Change([&](Index& index, Freed*) -> Status {
    held.clear();
    std::vector<HoldRow> added;
    for (const GenerationName& name : generations) {
      ASSIGN_OR_RETURN(std::optional<HoldRow> hold, index.FindHold(holder, NameOnly(name)));
      if (!hold) {
        ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, name.bucket));
        const auto wanted = name.generation == 0 ? std::nullopt : std::optional(name.generation);
        ASSIGN_OR_RETURN(ObjectRow row, FindObject(index, bucket, name.name, wanted));
        ASSIGN_OR_RETURN(hold, index.FindHold(holder, row.object));
        if (!hold) {
          hold = HoldRow{std::move(row.object), row.content_id};
          added.push_back(*hold);
        }
      }
      held.push_back(std::move(hold->object));
    }
    ASSIGN_OR_RETURN(const size_t before, index.CountHolds(holder));
    if (before + added.size() > kHeldGenerationLimit) {
      return ResourceExhausted(
          fmt::format("'{}' would hold more than {} objects", holder, kHeldGenerationLimit));
    }
    for (const HoldRow& row : added) {
      // The same generation may be named twice.
      ASSIGN_OR_RETURN(const std::optional<HoldRow> there, index.FindHold(holder, row.object));
      if (there) continue;
      RETURN_IF_ERROR(Reference(index, row.content_id));
      RETURN_IF_ERROR(index.PutHold(holder, row));
    }
    return OkStatus();
  }));
  return held;
}

Status IndexedStore::ReleaseGenerations(std::string_view holder) {
  return Change(
      [&](Index& index, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const std::vector<HoldRow> rows,
                         index.HoldsOf(holder, kHeldGenerationLimit));
        for (const HoldRow& row : rows) {
          RETURN_IF_ERROR(index.RemoveHold(holder, row.object));
          RETURN_IF_ERROR(Unreference(index, row.content_id, freed));
        }
        return OkStatus();
      },
      WriteKind::kFrees);
}

Result<std::vector<Object>> IndexedStore::ListHeld(std::string_view holder) {
  std::vector<Object> objects;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(std::vector<HoldRow> rows, index.HoldsOf(holder, kHeldGenerationLimit));
    for (HoldRow& row : rows) objects.push_back(std::move(row.object));
    return OkStatus();
  }));
  return objects;
}

Result<std::vector<std::string>> IndexedStore::ListHolders(std::string_view prefix) {
  std::vector<std::string> holders;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(holders, index.ListHolders(prefix));
    return OkStatus();
  }));
  return holders;
}

IndexedStore::RowFinder IndexedStore::HeldFinder(std::string_view holder,
                                                 const GenerationName& generation) const {
  return [holder, wanted = NameOnly(generation)](Index& index) -> Result<ObjectRow> {
    ASSIGN_OR_RETURN(std::optional<HoldRow> hold, index.FindHold(holder, wanted));
    if (!hold) return NoSuchObject(wanted.bucket(), wanted.name());
    return ObjectRow{std::move(hold->object), hold->content_id, RowKind::kNoncurrent};
  };
}

Result<OpenedObject> IndexedStore::OpenHeld(std::string_view holder,
                                            const GenerationName& generation) {
  ContentRow content;
  return OpenFound(HeldFinder(holder, generation), &content);
}

Status IndexedStore::CopyHeldToFile(std::string_view holder, const GenerationName& generation,
                                    const std::string& host_path) {
  return Annotate(CopyFound(HeldFinder(holder, generation), host_path),
                  fmt::format("copy 'gs://{}/{}#{}' held by '{}'", generation.bucket,
                              generation.name, generation.generation, holder));
}

}  // namespace hodei::store
