// The services of the REST surface, as descriptors.
#pragma once

#include <vector>

namespace google::protobuf {
class ServiceDescriptor;
}

namespace hodei::wire::rest {

// ml v1, Resource Manager v1, Logging v2, and our own additions. Naming them here is also what links their descriptors in.
std::vector<const google::protobuf::ServiceDescriptor*> ApiServices();

}  // namespace hodei::wire::rest
