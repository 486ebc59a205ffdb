#include "store/object/object_metadata.h"

namespace hodei::store {
namespace {

constexpr size_t kCustomMetadataLimit = 8 * 1024;
constexpr size_t kObjectRowLimit = 64 * 1024;

}  // namespace

using google::storage::v1::Object;

Status CheckMetadata(const Object& object) {
  size_t custom = 0;
  for (const auto& [key, value] : object.metadata()) custom += key.size() + value.size();
  if (custom > kCustomMetadataLimit) {
    return InvalidArgument("The total size of custom metadata must not exceed 8 KiB.")
        .WithReason("invalid");
  }
  if (object.ByteSizeLong() > kObjectRowLimit) {
    return InvalidArgument("The object's metadata is too large.").WithReason("invalid");
  }
  return OkStatus();
}

Object TakeMetadata(const Object& from) {
  Object out;
  out.set_bucket(from.bucket());
  out.set_name(from.name());
  out.set_content_type(from.content_type());
  out.set_storage_class(from.storage_class());
  *out.mutable_metadata() = from.metadata();
  out.set_cache_control(from.cache_control());
  out.set_content_disposition(from.content_disposition());
  out.set_content_encoding(from.content_encoding());
  out.set_content_language(from.content_language());
  if (from.has_custom_time()) *out.mutable_custom_time() = from.custom_time();
  out.set_temporary_hold(from.temporary_hold());
  out.set_event_based_hold(from.event_based_hold());
  if (from.has_customer_encryption()) {
    *out.mutable_customer_encryption() = from.customer_encryption();
  }
  out.set_kms_key_name(from.kms_key_name());
  *out.mutable_settings() = from.settings();
  return out;
}

void PutMetadata(const Object& metadata, Object* object) {
  Object next = TakeMetadata(metadata);
  next.set_bucket(object->bucket());
  next.set_name(object->name());
  next.set_generation(object->generation());
  next.set_metageneration(object->metageneration());
  next.set_size(object->size());
  next.set_md5_hash(object->md5_hash());
  next.set_crc32c(object->crc32c());
  next.set_component_count(object->component_count());
  *next.mutable_time_created() = object->time_created();
  *next.mutable_updated() = object->updated();
  *next.mutable_time_storage_class_updated() = object->time_storage_class_updated();
  if (object->has_time_deleted()) *next.mutable_time_deleted() = object->time_deleted();
  if (object->has_hold_release_time()) {
    *next.mutable_hold_release_time() = object->hold_release_time();
  }
  *object = std::move(next);
}

}  // namespace hodei::store
