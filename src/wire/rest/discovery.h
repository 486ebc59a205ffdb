// Google's discovery documents, from the same descriptors that the routes come from:
// google-api-python-client and its kin build their methods from them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class ServiceDescriptor;
}
namespace hodei::net {
struct RequestHead;
}

namespace hodei::wire::rest {

// "/$discovery/rest" and "/discovery/v1/apis/NAME/VERSION/rest".
bool IsDiscoveryPath(std::string_view raw_path);

struct DiscoveryChoice {
  std::string name;     // "ml"
  std::string version;  // "v1"
};

// The document that the request asks for: NAME and VERSION of the path, or the parameters `version`
// and `name`; without a name the API whose host is asked ("logging.…"), else ml. Null when none of
// the services belongs to it.
std::optional<DiscoveryChoice> ChooseDiscovery(
    const net::RequestHead& head,
    const std::vector<const google::protobuf::ServiceDescriptor*>& services);

// The document. `root_url` ends with '/'.
std::string DiscoveryDocument(
    std::string_view name, std::string_view version, std::string_view root_url,
    const std::vector<const google::protobuf::ServiceDescriptor*>& services);

}  // namespace hodei::wire::rest
