#include "store/object/testing/whole_objects.h"

#include "store/object/file_bytes.h"

namespace hodei::store {

Result<Object> PutWhole(ObjectStore* store, std::string_view name, std::string_view bytes,
                        const Preconditions& preconditions, const ExpectedContent& expected,
                        std::string_view bucket) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> writer, store->NewWriter());
  RETURN_IF_ERROR(writer->Append(bytes));
  Object object;
  object.set_bucket(std::string(bucket));
  object.set_name(std::string(name));
  return writer->Commit(object, preconditions, expected);
}

std::string ReadAll(const OpenedObject& opened) {
  if (const auto* held = std::get_if<std::string>(&opened.content)) return *held;
  const FileSlice& slice = std::get<FileSlice>(opened.content);
  const Result<std::string> bytes = ReadSlice(slice, 0, slice.length);
  return bytes.ok() ? *bytes : bytes.status().ToString();
}

}  // namespace hodei::store
