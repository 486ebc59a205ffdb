#include "wire/gcs/canonical_request.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/ascii.h"
#include "net/scoped_signature.h"
#include "wire/gcs/signature.h"

namespace hodei::wire::gcs {
namespace {

// Trimmed, with runs of white space as one space.
void AppendCollapsed(std::string_view text, std::string* out) {
  bool pending = false;
  const size_t start = out->size();
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      pending = out->size() > start;
      continue;
    }
    if (pending) out->push_back(' ');
    pending = false;
    out->push_back(c);
  }
}

}  // namespace

std::optional<std::string> CanonicalHeader(const Request& request, std::string_view lower_name) {
  std::string out;
  if (lower_name == "host") {
    AppendCollapsed(request.host, &out);
    return out;
  }
  const std::vector<std::string_view> values = request.headers.GetAll(lower_name);
  if (values.empty()) return std::nullopt;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out.push_back(',');
    std::string one;
    AppendCollapsed(values[i], &one);
    out.append(one);
  }
  return out;
}

Result<std::string> CanonicalRequest(const Request& request,
                                     std::span<const std::string> signed_headers,
                                     std::string_view signature_name,
                                     std::string_view payload_hash) {
  std::string out = request.sent_method;
  out.append("\n").append(request.path).append("\n");
  ASSIGN_OR_RETURN(const std::string query, net::CanonicalQuery(request.raw_query, signature_name));
  out.append(query).append("\n");
  std::string names;
  for (const std::string& name : signed_headers) {
    const std::optional<std::string> value = CanonicalHeader(request, name);
    if (!value) return SignatureDoesNotMatch();
    out.append(name).append(":").append(*value).append("\n");
    if (!names.empty()) names.push_back(';');
    names.append(name);
  }
  out.append("\n").append(names).append("\n").append(payload_hash);
  return out;
}

std::string ExtensionHeaders(const Request& request, std::string_view prefix) {
  std::set<std::string> names;
  for (const auto& [name, value] : request.headers.fields()) {
    std::string lower = AsciiLower(name);
    if (lower.starts_with(prefix)) names.insert(std::move(lower));
  }
  std::string out;
  for (const std::string& name : names) {
    out.append(name).append(":").append(*CanonicalHeader(request, name)).append("\n");
  }
  return out;
}

std::string SignedResource(const Request& request) {
  return request.virtual_host ? "/" + request.route.bucket + request.path : request.path;
}

}  // namespace hodei::wire::gcs
