// The object resource of the JSON API, to text and from it.
// Source: https://cloud.google.com/storage/docs/json_api/v1/objects#resource.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "store/object/object_store.h"
#include "wire/gcs/json_text.h"

namespace hodei::wire::gcs {

using google::storage::v1::Object;

struct PrintContext {
  std::string base_url;  // "http://host:port": where the client reached us
  bool full = false;     // projection=full: with acl and owner
  // The caller shows an encryption key: the hashes of an object stored with one may be seen.
  bool key_shown = false;
};

// Appends the resource.
void PrintObject(const Object& object, const PrintContext& context, const FieldSelection& selection,
                 std::string* out);

// Takes a resource of a request. With `merge` only named fields change and null clears (PATCH),
// otherwise absent fields are cleared (insert, PUT, compose, rewrite). Output-only fields and
// unknown ones are ignored; wrong types are INVALID_ARGUMENT.
Status ReadObject(const Json& json, bool merge, Object* object);
// The hashes that an insert's metadata promises.
Status ReadExpected(const Json& json, store::ExpectedContent* expected);
// From "crc32c=…" and "md5=…", comma-joined, as x-goog-hash has them.
Status ReadHashHeader(std::string_view header, store::ExpectedContent* expected);

// base64 of the big-endian bytes.
std::string CrcText(uint32_t crc32c);
std::string ObjectEtag(const Object& object);

}  // namespace hodei::wire::gcs
