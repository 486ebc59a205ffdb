// Which Cloud Storage call a method and a raw path mean. The path is split before it is decoded, so
// that an object named "x/acl" or "o/compose" stays an object.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::wire::gcs {

enum class Call {
  kUnknown,  // 404
  kListBuckets,
  kInsertBucket,
  kGetBucket,
  kPatchBucket,
  kUpdateBucket,
  kDeleteBucket,
  kStorageLayout,
  kEmptyList,    // folders, managedFolders …: `rest` says which
  kAbsentChild,  // one of those, or a method that is not there: `rest` says which
  kGetBucketPolicy,
  kSetBucketPolicy,
  kTestBucketPermissions,
  kBucketAcl,         // `rest` is the entity
  kDefaultObjectAcl,  // the same
  kObjectAcl,         // the same
  kNotifications,
  kLockRetention,
  kListObjects,
  kInsertObject,  // upload
  kGetObject,     // or media with alt=media
  kDownload,
  kPatchObject,
  kUpdateObject,
  kDeleteObject,
  kCompose,
  kRewrite,
  kCopy,
  kMove,
  kRestore,
  kServiceAccount,
  kHmacKeys,
  kBatch,
  kXmlService,  // "/"
  kXmlBucket,   // method decides
  kXmlObject,
};

struct Route {
  Call call = Call::kUnknown;
  std::string bucket;  // decoded
  std::string object;
  std::string destination_bucket;
  std::string destination_object;
  std::string rest;     // entity, id, project: decoded
  bool upload = false;  // below /upload or /resumable/upload
};

// INVALID_ARGUMENT for a bad escape. `path` is raw and starts with '/'.
Result<Route> ParseRoute(std::string_view method, std::string_view path);

// The same for a request whose host names the bucket: the whole path is the object.
Result<Route> ParseVirtualRoute(std::string_view bucket, std::string_view path);

// True for a path that belongs to the store whatever the server's other APIs are: its own roots.
// The XML API's /BUCKET[/OBJECT] is not among them.
bool IsStorageRoot(std::string_view path);

}  // namespace hodei::wire::gcs
