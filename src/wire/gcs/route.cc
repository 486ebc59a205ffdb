#include "wire/gcs/route.h"

#include <array>
#include <vector>

#include "base/encoding.h"

namespace hodei::wire::gcs {
namespace {

using Segments = std::vector<std::string_view>;

Segments Split(std::string_view path) {
  Segments segments;
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path = path.substr(slash + 1);
  }
}

// `path` without `root` when it is below it.
bool Below(std::string_view root, std::string_view* path) {
  if (!path->starts_with(root)) return false;
  const std::string_view rest = path->substr(root.size());
  if (!rest.empty() && rest.front() != '/') return false;
  *path = rest.empty() ? rest : rest.substr(1);
  return true;
}

struct MethodCall {
  std::string_view method;
  Call call;
};

template <size_t N>
Call Choose(std::string_view method, const std::array<MethodCall, N>& calls) {
  for (const MethodCall& entry : calls) {
    if (entry.method == method) return entry.call;
  }
  return Call::kUnknown;
}

constexpr std::array<MethodCall, 2> kBucketsCalls{
    {{"GET", Call::kListBuckets}, {"POST", Call::kInsertBucket}}};
constexpr std::array<MethodCall, 4> kBucketCalls{{{"GET", Call::kGetBucket},
                                                  {"PATCH", Call::kPatchBucket},
                                                  {"PUT", Call::kUpdateBucket},
                                                  {"DELETE", Call::kDeleteBucket}}};
constexpr std::array<MethodCall, 2> kPolicyCalls{
    {{"GET", Call::kGetBucketPolicy}, {"PUT", Call::kSetBucketPolicy}}};
constexpr std::array<MethodCall, 2> kObjectsCalls{
    {{"GET", Call::kListObjects}, {"POST", Call::kInsertObject}}};
constexpr std::array<MethodCall, 5> kObjectCalls{{{"GET", Call::kGetObject},
                                                  {"HEAD", Call::kGetObject},
                                                  {"PATCH", Call::kPatchObject},
                                                  {"PUT", Call::kUpdateObject},
                                                  {"DELETE", Call::kDeleteObject}}};

// The object name is one segment by the book; lenient clients leave its slashes as they are.
std::string Join(const Segments& segments, size_t from) {
  std::string joined(segments[from]);
  for (size_t i = from + 1; i < segments.size(); ++i) joined.append("/").append(segments[i]);
  return joined;
}

Status Decode(std::string_view raw, std::string* out) {
  Result<std::string> decoded = PercentDecode(raw);
  if (!decoded.ok()) return Status(decoded.status()).WithReason("invalid");
  *out = *std::move(decoded);
  return OkStatus();
}

// segments: b B o O verb …
Status RouteObjectVerb(std::string_view method, const Segments& s, Route* route) {
  const std::string_view verb = s[4];
  const bool post = method == "POST";
  RETURN_IF_ERROR(Decode(s[3], &route->object));
  if (post && s.size() == 5 && verb == "compose") {
    route->call = Call::kCompose;
    return OkStatus();
  }
  if (post && s.size() == 5 && verb == "restore") {
    route->call = Call::kRestore;
    return OkStatus();
  }
  if (post && s.size() >= 9 && (verb == "rewriteTo" || verb == "copyTo") && s[5] == "b" &&
      s[7] == "o") {
    route->call = verb == "copyTo" ? Call::kCopy : Call::kRewrite;
    RETURN_IF_ERROR(Decode(s[6], &route->destination_bucket));
    return Decode(Join(s, 8), &route->destination_object);
  }
  if (post && s.size() >= 7 && verb == "moveTo" && s[5] == "o") {
    route->call = Call::kMove;
    return Decode(Join(s, 6), &route->destination_object);
  }
  if (verb == "acl" && s.size() <= 6) {
    route->call = Call::kObjectAcl;
    return s.size() == 6 ? Decode(s[5], &route->rest) : OkStatus();
  }
  route->call = Choose(method, kObjectCalls);
  return Decode(Join(s, 3), &route->object);
}

// segments: b B what …
Status RouteBelowBucket(std::string_view method, const Segments& s, Route* route) {
  const std::string_view what = s[2];
  if (what == "o") {
    if (s.size() == 3 || (s.size() == 4 && s[3].empty())) {
      route->call = Choose(method, kObjectsCalls);
      return OkStatus();
    }
    if (s.size() > 4) return RouteObjectVerb(method, s, route);
    if (method == "POST" && (s[3] == "bulkRestore" || s[3] == "watch")) {
      route->call = Call::kAbsentChild;
      route->rest = std::string(s[3]);
      return OkStatus();
    }
    route->call = Choose(method, kObjectCalls);
    return Decode(s[3], &route->object);
  }
  if (what == "iam") {
    if (s.size() == 4 && s[3] == "testPermissions" && method == "GET") {
      route->call = Call::kTestBucketPermissions;
    } else if (s.size() == 3) {
      route->call = Choose(method, kPolicyCalls);
    }
    return OkStatus();
  }
  if ((what == "acl" || what == "defaultObjectAcl" || what == "notificationConfigs") &&
      s.size() <= 4) {
    route->call = what == "acl"                ? Call::kBucketAcl
                  : what == "defaultObjectAcl" ? Call::kDefaultObjectAcl
                                               : Call::kNotifications;
    return s.size() == 4 ? Decode(s[3], &route->rest) : OkStatus();
  }
  if (s.size() == 3 && method == "GET" && what == "storageLayout") {
    route->call = Call::kStorageLayout;
  }
  if (what == "managedFolders" || what == "folders" || what == "anywhereCaches" ||
      what == "operations") {
    route->call = s.size() == 3 && method == "GET" ? Call::kEmptyList : Call::kAbsentChild;
    route->rest = std::string(what);
    return OkStatus();
  }
  if (s.size() == 3 && method == "POST" && what == "lockRetentionPolicy") {
    route->call = Call::kLockRetention;
  }
  return OkStatus();
}

// Below /storage/v1.
Status RouteJson(std::string_view method, std::string_view path, Route* route) {
  const Segments s = Split(path);
  if (s[0] == "b") {
    if (s.size() == 1 || (s.size() == 2 && s[1].empty())) {
      route->call = Choose(method, kBucketsCalls);
      return OkStatus();
    }
    RETURN_IF_ERROR(Decode(s[1], &route->bucket));
    if (s.size() == 2) {
      route->call = Choose(method, kBucketCalls);
      return OkStatus();
    }
    return RouteBelowBucket(method, s, route);
  }
  if (s[0] == "projects" && s.size() >= 3) {
    RETURN_IF_ERROR(Decode(s[1], &route->rest));
    if (s[2] == "serviceAccount" && method == "GET") route->call = Call::kServiceAccount;
    if (s[2] == "hmacKeys" && s.size() <= 4) {
      route->call = Call::kHmacKeys;
      if (s.size() == 4) return Decode(s[3], &route->object);
    }
  }
  return OkStatus();
}

Status RouteXml(std::string_view path, Route* route) {
  const size_t slash = path.find('/');
  RETURN_IF_ERROR(Decode(path.substr(0, slash), &route->bucket));
  if (route->bucket.empty()) {
    route->call = slash == std::string_view::npos ? Call::kXmlService : Call::kUnknown;
    return OkStatus();
  }
  if (slash == std::string_view::npos || slash + 1 == path.size()) {
    route->call = Call::kXmlBucket;
    return OkStatus();
  }
  route->call = Call::kXmlObject;
  return Decode(path.substr(slash + 1), &route->object);
}

}  // namespace

Result<Route> ParseRoute(std::string_view method, std::string_view path) {
  Route route;
  std::string_view rest = path;
  if (Below("/resumable/upload/storage/v1", &rest) || Below("/upload/storage/v1", &rest)) {
    route.upload = true;
    RETURN_IF_ERROR(RouteJson("POST", rest, &route));
    if (route.call != Call::kInsertObject) route.call = Call::kUnknown;
    return route;
  }
  if (Below("/download/storage/v1", &rest)) {
    RETURN_IF_ERROR(RouteJson(method, rest, &route));
    route.call = route.call == Call::kGetObject ? Call::kDownload : Call::kUnknown;
    return route;
  }
  if (Below("/storage/v1", &rest)) {
    RETURN_IF_ERROR(RouteJson(method, rest, &route));
    return route;
  }
  if (Below("/batch/storage/v1", &rest) || path == "/batch") {
    if (method == "POST") route.call = Call::kBatch;
    return route;
  }
  if (IsStorageRoot(path) || path.empty()) return route;
  RETURN_IF_ERROR(RouteXml(path.substr(1), &route));
  return route;
}

Result<Route> ParseVirtualRoute(std::string_view bucket, std::string_view path) {
  Route route;
  route.bucket = std::string(bucket);
  route.call = Call::kXmlBucket;
  if (path.size() <= 1) return route;
  route.call = Call::kXmlObject;
  RETURN_IF_ERROR(Decode(path.substr(1), &route.object));
  return route;
}

bool IsStorageRoot(std::string_view path) {
  for (std::string_view root : {"/storage", "/upload", "/resumable", "/download", "/batch"}) {
    std::string_view rest = path;
    if (Below(root, &rest)) return true;
  }
  return false;
}

}  // namespace hodei::wire::gcs
