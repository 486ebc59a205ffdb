// Objects in one piece, for tests. In the header alone: whoever links the conformance suites gets
// their tests as well.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "store/object/file_bytes.h"
#include "store/object/object_store.h"

namespace hodei::store {

// Puts `bytes` under "bucket"/name.
inline Result<Object> PutWhole(ObjectStore* store, std::string_view name, std::string_view bytes,
                               const Preconditions& preconditions = {},
                               const ExpectedContent& expected = {},
                               std::string_view bucket = "bucket") {
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> writer, store->NewWriter());
  RETURN_IF_ERROR(writer->Append(bytes));
  Object object;
  object.set_bucket(std::string(bucket));
  object.set_name(std::string(name));
  return writer->Commit(object, preconditions, expected);
}

// The bytes of an opened object, or what is wrong with them.
inline std::string ReadAll(const OpenedObject& opened) {
  if (const auto* held = std::get_if<std::string>(&opened.content)) return *held;
  const FileSlice& slice = std::get<FileSlice>(opened.content);
  const Result<std::string> bytes = ReadSlice(slice, 0, slice.length);
  return bytes.ok() ? *bytes : bytes.status().ToString();
}

}  // namespace hodei::store
