// Calls of the interface that are still to come.
#include "store/object/indexed_store.h"

namespace hodei::store {

Result<Object> IndexedStore::RestoreObject(std::string_view, std::string_view, int64_t,
                                           const Preconditions&) {
  return Unimplemented("restore");
}
Result<Object> IndexedStore::GetSoftDeleted(std::string_view, std::string_view, int64_t) {
  return Unimplemented("soft delete");
}
Result<std::string> IndexedStore::StartMultipart(const UploadStart&) {
  return Unimplemented("multipart uploads");
}
Result<Object> IndexedStore::CompleteMultipart(const MultipartKey&,
                                               const std::vector<CompletedPart>&,
                                               const Preconditions&) {
  return Unimplemented("multipart uploads");
}
Status IndexedStore::AbortMultipart(const MultipartKey&) {
  return Unimplemented("multipart uploads");
}
Result<ListPartsPage> IndexedStore::ListParts(const MultipartKey&, int, size_t) {
  return Unimplemented("multipart uploads");
}
Result<ListMultipartsPage> IndexedStore::ListMultiparts(std::string_view,
                                                        const ListMultipartsOptions&) {
  return Unimplemented("multipart uploads");
}
Result<std::vector<Object>> IndexedStore::HoldGenerations(std::string_view,
                                                          const std::vector<GenerationName>&) {
  return Unimplemented("references");
}
Status IndexedStore::ReleaseGenerations(std::string_view) { return Unimplemented("references"); }
Result<std::vector<Object>> IndexedStore::ListHeld(std::string_view) {
  return Unimplemented("references");
}
Result<std::vector<std::string>> IndexedStore::ListHolders(std::string_view) {
  return Unimplemented("references");
}
Result<OpenedObject> IndexedStore::OpenHeld(std::string_view, const GenerationName&) {
  return Unimplemented("references");
}
Status IndexedStore::CopyHeldToFile(std::string_view, const GenerationName&, const std::string&) {
  return Unimplemented("references");
}

}  // namespace hodei::store
