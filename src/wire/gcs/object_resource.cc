#include "wire/gcs/object_resource.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace hodei::wire::gcs {
namespace {

void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// Sub-resources kept as the client gave them.
constexpr std::array<std::string_view, 3> kKept = {"acl", "contexts", "retention"};

Status WrongType(std::string_view field) {
  return InvalidArgument(fmt::format("Invalid value for field '{}'.", field)).WithReason("invalid");
}

// Values that become response headers must not end one.
bool HeaderSafe(std::string_view value) {
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') return false;
    if (c == 0x7f) return false;
  }
  return true;
}

// A string field: null and, without `merge`, absence clear it.
template <typename Set>
Status ReadString(const Json& json, std::string_view name, bool merge, const Set& set) {
  const auto it = json.find(name);
  if (it == json.end()) {
    if (!merge) set(std::string());
    return OkStatus();
  }
  if (it->is_null()) {
    set(std::string());
    return OkStatus();
  }
  if (!it->is_string()) return WrongType(name);
  const std::string& value = it->get_ref<const std::string&>();
  if (!HeaderSafe(value)) return WrongType(name);
  set(value);
  return OkStatus();
}

template <typename Set>
Status ReadBool(const Json& json, std::string_view name, bool merge, const Set& set) {
  const auto it = json.find(name);
  if (it == json.end() || it->is_null()) {
    if (!merge || it != json.end()) set(false);
    return OkStatus();
  }
  if (!it->is_boolean()) return WrongType(name);
  set(it->get<bool>());
  return OkStatus();
}

Status ReadMetadata(const Json& json, bool merge, Object* object) {
  const auto it = json.find("metadata");
  if (it == json.end()) {
    if (!merge) object->clear_metadata();
    return OkStatus();
  }
  // An empty map asks for none, as gcloud's clear flag does.
  if (it->is_null() || (it->is_object() && it->empty())) {
    object->clear_metadata();
    return OkStatus();
  }
  if (!it->is_object()) return WrongType("metadata");
  if (!merge) object->clear_metadata();
  for (const auto& [key, value] : it->items()) {
    if (value.is_null()) {
      object->mutable_metadata()->erase(key);
    } else if (value.is_string()) {
      (*object->mutable_metadata())[key] = value.get<std::string>();
    } else {
      return WrongType("metadata." + key);
    }
  }
  return OkStatus();
}

Status ReadCustomTime(const Json& json, bool merge, Object* object) {
  const auto it = json.find("customTime");
  if (it == json.end() || it->is_null()) {
    if (!merge || it != json.end()) object->clear_custom_time();
    return OkStatus();
  }
  if (!it->is_string()) return WrongType("customTime");
  const Result<WallTime> time = ParseRfc3339(it->get_ref<const std::string&>());
  if (!time.ok()) return WrongType("customTime");
  object->mutable_custom_time()->set_seconds(time->unix_nanos / 1'000'000'000);
  object->mutable_custom_time()->set_nanos(static_cast<int32_t>(time->unix_nanos % 1'000'000'000));
  return OkStatus();
}

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

void PrintLinks(const Object& object, const PrintContext& context, JsonObjectWriter* writer) {
  const std::string path = fmt::format("/storage/v1/b/{}/o/{}", PercentEncode(object.bucket()),
                                       PercentEncode(object.name()));
  writer->String("selfLink", context.base_url + path);
  writer->String("mediaLink", fmt::format("{}/download{}?generation={}&alt=media", context.base_url,
                                          path, object.generation()));
}

void PrintContentFields(const Object& object, const PrintContext& context,
                        JsonObjectWriter* writer) {
  writer->NumberText("size", static_cast<int64_t>(object.size()));
  if (!object.has_customer_encryption() || context.key_shown) {
    if (!object.md5_hash().empty()) writer->String("md5Hash", Base64Encode(object.md5_hash()));
    writer->String("crc32c", CrcText(object.crc32c()));
  }
  writer->String("etag", ObjectEtag(object));
  writer->NonEmpty("cacheControl", object.cache_control());
  writer->NonEmpty("contentDisposition", object.content_disposition());
  writer->NonEmpty("contentEncoding", object.content_encoding());
  writer->NonEmpty("contentLanguage", object.content_language());
  if (object.component_count() > 0) writer->Number("componentCount", object.component_count());
  writer->NonEmpty("kmsKeyName", object.kms_key_name());
}

void PrintTimes(const Object& object, JsonObjectWriter* writer) {
  writer->Time("timeCreated", object.time_created());
  writer->Time("updated", object.updated());
  writer->Time("timeStorageClassUpdated", object.time_storage_class_updated());
  writer->Time("timeFinalized", object.time_created());
  if (object.has_time_deleted()) writer->Time("timeDeleted", object.time_deleted());
  if (object.has_custom_time()) writer->Time("customTime", object.custom_time());
  if (object.has_soft_delete_time()) writer->Time("softDeleteTime", object.soft_delete_time());
  if (object.has_hard_delete_time()) writer->Time("hardDeleteTime", object.hard_delete_time());
  if (object.has_retention_expiration_time()) {
    writer->Time("retentionExpirationTime", object.retention_expiration_time());
  }
}

}  // namespace

std::string CrcText(uint32_t crc32c) {
  const char bytes[4] = {static_cast<char>(crc32c >> 24), static_cast<char>(crc32c >> 16),
                         static_cast<char>(crc32c >> 8), static_cast<char>(crc32c)};
  return Base64Encode(std::string_view(bytes, 4));
}

std::string ObjectEtag(const Object& object) {
  std::string bytes(1, '\x08');
  AppendVarint(static_cast<uint64_t>(object.generation()), &bytes);
  bytes.push_back('\x10');
  AppendVarint(static_cast<uint64_t>(object.metageneration()), &bytes);
  return Base64Encode(bytes);
}

void PrintObject(const Object& object, const PrintContext& context, const FieldSelection& selection,
                 std::string* out) {
  JsonObjectWriter writer(selection, out);
  writer.String("kind", "storage#object");
  writer.String("id", fmt::format("{}/{}/{}", object.bucket(), object.name(), object.generation()));
  PrintLinks(object, context, &writer);
  writer.String("name", object.name());
  writer.String("bucket", object.bucket());
  writer.NumberText("generation", object.generation());
  writer.NumberText("metageneration", object.metageneration());
  writer.String("contentType", object.content_type());
  writer.String("storageClass", object.storage_class());
  PrintContentFields(object, context, &writer);
  PrintTimes(object, &writer);
  if (object.temporary_hold()) writer.Bool("temporaryHold", true);
  if (object.event_based_hold()) writer.Bool("eventBasedHold", true);
  if (!object.metadata().empty()) {
    if (const FieldSelection* wanted = writer.Begin("metadata")) {
      // In order of the keys, so that equal objects print alike.
      const std::map<std::string, std::string> sorted(object.metadata().begin(),
                                                      object.metadata().end());
      const FieldSelection everything;
      JsonObjectWriter metadata(everything, writer.out());
      for (const auto& [key, value] : sorted) {
        if (!wanted->all() && wanted->Child(key, key) == nullptr) continue;
        metadata.QuotedString(key, value);
      }
    }
  }
  if (object.has_customer_encryption()) {
    writer.Tree("customerEncryption",
                Json{{"encryptionAlgorithm", object.customer_encryption().encryption_algorithm()},
                     {"keySha256", object.customer_encryption().key_sha256()}});
  }
  for (const std::string_view name : kKept) {
    const auto it = object.settings().find(std::string(name));
    if (it == object.settings().end() || (name == "acl" && !context.full)) continue;
    writer.Tree(name, FromValue(it->second));
  }
}

Status ReadObject(const Json& json, bool merge, Object* object) {
  RETURN_IF_ERROR(ReadString(json, "contentType", merge,
                             [&](std::string v) { object->set_content_type(std::move(v)); }));
  RETURN_IF_ERROR(ReadString(json, "cacheControl", merge,
                             [&](std::string v) { object->set_cache_control(std::move(v)); }));
  RETURN_IF_ERROR(ReadString(json, "contentDisposition", merge, [&](std::string v) {
    object->set_content_disposition(std::move(v));
  }));
  RETURN_IF_ERROR(ReadString(json, "contentEncoding", merge,
                             [&](std::string v) { object->set_content_encoding(std::move(v)); }));
  RETURN_IF_ERROR(ReadString(json, "contentLanguage", merge,
                             [&](std::string v) { object->set_content_language(std::move(v)); }));
  RETURN_IF_ERROR(ReadString(json, "storageClass", /*merge=*/true, [&](std::string v) {
    object->set_storage_class(Upper(std::move(v)));
  }));
  RETURN_IF_ERROR(ReadString(json, "kmsKeyName", merge,
                             [&](std::string v) { object->set_kms_key_name(std::move(v)); }));
  RETURN_IF_ERROR(
      ReadBool(json, "temporaryHold", merge, [&](bool v) { object->set_temporary_hold(v); }));
  RETURN_IF_ERROR(
      ReadBool(json, "eventBasedHold", merge, [&](bool v) { object->set_event_based_hold(v); }));
  RETURN_IF_ERROR(ReadMetadata(json, merge, object));
  RETURN_IF_ERROR(ReadCustomTime(json, merge, object));
  for (const std::string_view name : kKept) {
    const auto it = json.find(name);
    if (it == json.end()) continue;
    if (it->is_null()) {
      object->mutable_settings()->erase(std::string(name));
    } else {
      (*object->mutable_settings())[std::string(name)] = ToValue(*it);
    }
  }
  return OkStatus();
}

namespace {

Status ReadMd5(std::string_view text, store::ExpectedContent* expected) {
  const Result<std::string> md5 = Base64Decode(text);
  if (!md5.ok() || md5->size() != 16) return WrongType("md5Hash");
  expected->md5 = *md5;
  return OkStatus();
}

Status ReadCrc(std::string_view text, store::ExpectedContent* expected) {
  const Result<std::string> crc = Base64Decode(text);
  if (!crc.ok() || crc->size() != 4) return WrongType("crc32c");
  uint32_t value = 0;
  for (const char c : *crc) value = value << 8 | static_cast<unsigned char>(c);
  expected->crc32c = value;
  return OkStatus();
}

}  // namespace

Status ReadExpected(const Json& json, store::ExpectedContent* expected) {
  if (const auto it = json.find("md5Hash"); it != json.end() && !it->is_null()) {
    if (!it->is_string()) return WrongType("md5Hash");
    RETURN_IF_ERROR(ReadMd5(it->get_ref<const std::string&>(), expected));
  }
  if (const auto it = json.find("crc32c"); it != json.end() && !it->is_null()) {
    if (!it->is_string()) return WrongType("crc32c");
    RETURN_IF_ERROR(ReadCrc(it->get_ref<const std::string&>(), expected));
  }
  return OkStatus();
}

Status ReadHashHeader(std::string_view header, store::ExpectedContent* expected) {
  while (!header.empty()) {
    const size_t comma = header.find(',');
    std::string_view item = header.substr(0, comma);
    header = comma == std::string_view::npos ? std::string_view() : header.substr(comma + 1);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    if (item.starts_with("md5=")) RETURN_IF_ERROR(ReadMd5(item.substr(4), expected));
    if (item.starts_with("crc32c=")) RETURN_IF_ERROR(ReadCrc(item.substr(7), expected));
  }
  return OkStatus();
}

}  // namespace hodei::wire::gcs
