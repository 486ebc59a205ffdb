#include "wire/rest/transcoder.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "google/api/httpbody.pb.h"
#include "hodei/api/annotations.pb.h"
#include "wire/json/parse_json.h"
#include "wire/json/print_json.h"
#include "wire/rest/call.h"
#include "wire/rest/discovery.h"
#include "wire/rest/error_envelope.h"
#include "wire/rest/query.h"

namespace hodei::wire::rest {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// A mistake in our own wiring, found at start.
[[noreturn]] void Stop(const std::string& why) {
  std::fprintf(stderr, "rest: %s\n", why.c_str());
  std::abort();
}

Router MakeRouter(const std::vector<const ServiceDescriptor*>& services) {
  Result<Router> router = Router::Create(services);
  if (!router.ok()) Stop(router.status().ToString());
  return std::move(router).value();
}

std::string_view EffectiveVerb(const net::RequestHead& head) {
  // For clients behind proxies that only let GET and POST through.
  if (head.method == "POST") {
    const std::string_view wanted = head.headers.Get("X-HTTP-Method-Override");
    for (std::string_view verb : {"GET", "PUT", "PATCH", "DELETE"}) {
      if (wanted == verb) return verb;
    }
  }
  return head.method;
}

Status NoRoute() { return NotFound("The requested URL was not found on this server."); }

std::string DiscoveryId(const MethodDescriptor& method) {
  return method.options().GetExtension(hodei::api::discovery_id);
}

// "projects/P/jobs/J…" → "projects/P/jobs/J"; empty for other shapes.
std::string PolicyResource(std::string_view name) {
  size_t end = 0;
  std::string_view collection;
  for (int segment = 0; segment < 4; ++segment) {
    if (end > name.size()) return "";
    const size_t start = end;
    end = std::min(name.find('/', start), name.size());
    if (segment == 2) collection = name.substr(start, end - start);
    ++end;
  }
  if (collection != "jobs" && collection != "models") return "";
  return std::string(name.substr(0, end - 1));
}

}  // namespace

Transcoder::Transcoder(std::vector<const ServiceDescriptor*> services,
                       const access::Authenticator* authenticator,
                       const access::Authorizer* authorizer, TranscoderOptions options)
    : services_(std::move(services)),
      authenticator_(authenticator),
      authorizer_(authorizer),
      options_(std::move(options)),
      router_(MakeRouter(services_)) {}

Transcoder::~Transcoder() = default;

void Transcoder::BindErased(std::string_view name, const Descriptor& request,
                            const Descriptor& response, Method method, Where where) {
  for (const auto& route : router_.routes()) {
    if (route->method->full_name() != name) continue;
    if (route->method->input_type() != &request || route->method->output_type() != &response) {
      Stop(fmt::format("{} takes {} and returns {}", name, route->method->input_type()->full_name(),
                       route->method->output_type()->full_name()));
    }
    bound_[route->method] = {std::move(method), where};
    return;
  }
  Stop(fmt::format("there is no method {}", name));
}

void Transcoder::AnsweredElsewhere(std::string_view method) { elsewhere_.emplace(method); }

bool Transcoder::Owns(std::string_view raw_path) const {
  return raw_path == "/v1" || raw_path.starts_with("/v1/") || IsDiscoveryPath(raw_path) ||
         router_.Knows(raw_path);
}

std::unique_ptr<net::RequestHandler> Transcoder::Start(const net::RequestHead& head) const {
  const Route* route = router_.Match(EffectiveVerb(head), head.path());
  const std::string name = route == nullptr ? head.method : route->method->full_name();
  access::Principal principal;
  if (route == nullptr || route->access.kind != RouteAccess::Kind::kOpen) {
    Result<access::Principal> known = authenticator_->Authenticate(head);
    if (!known.ok()) return Refuse(head, name, "", known.status());
    principal = std::move(known).value();
  }
  if (route == nullptr) {
    if (head.method == "GET" && IsDiscoveryPath(head.path())) return Discovery(head);
    return Refuse(head, name, principal.email, NoRoute());
  }
  Result<std::vector<Binding>> bindings = route->path.Bind(head.path());
  if (!bindings.ok()) return Refuse(head, name, principal.email, bindings.status());
  const Status allowed = Authorize(*route, principal, &*bindings);
  if (!allowed.ok()) return Refuse(head, name, principal.email, allowed);
  const auto bound = bound_.find(route->method);
  if (bound == bound_.end()) {
    return Refuse(head, name, principal.email,
                  Unimplemented(fmt::format("Method {} is not available in this release of Hodei.",
                                            DiscoveryId(*route->method))));
  }
  return std::make_unique<Call>(
      CallTarget{route, &bound->second.method, bound->second.where, options_.body_limit_bytes},
      service::CallContext{std::move(principal), head.request_id}, std::move(bindings).value(),
      head, [this](const CallRecord& record) { Record(record); });
}

Status Transcoder::Authorize(const Route& route, const access::Principal& principal,
                             std::vector<Binding>* bindings) const {
  switch (route.access.kind) {
    case RouteAccess::Kind::kOpen:
    case RouteAccess::Kind::kAnyPrincipal:
      return OkStatus();
    case RouteAccess::Kind::kNobody:
      return PermissionDenied("The caller does not have permission.");
    case RouteAccess::Kind::kPermission:
      break;
  }
  // The router has checked that there is one.
  Binding& named = (*bindings)[*route.project_variable];
  constexpr std::string_view kPrefix = "projects/";
  const bool full_name = route.project_in_name;
  const size_t start = full_name ? kPrefix.size() : 0;
  const size_t end =
      full_name ? std::min(named.value.find('/', start), named.value.size()) : named.value.size();
  const std::string project = named.value.substr(start, end - start);
  const std::string resource = full_name ? PolicyResource(named.value) : "";
  RETURN_IF_ERROR(
      authorizer_->CheckResource(principal, project, resource, route.access.permission));
  ASSIGN_OR_RETURN(const std::string id, authorizer_->ResolveProject(project));
  named.value.replace(start, end - start, id);
  return OkStatus();
}

std::unique_ptr<net::RequestHandler> Transcoder::Refuse(const net::RequestHead& head,
                                                        std::string method, std::string principal,
                                                        const Status& status) const {
  Record({head.request_id, std::move(method), std::move(principal), status});
  return std::make_unique<Refusal>(
      ErrorResponse(ForClient(status, head.request_id), WantsPretty(head.query())));
}

std::unique_ptr<net::RequestHandler> Transcoder::Discovery(const net::RequestHead& head) const {
  const std::optional<DiscoveryChoice> choice = ChooseDiscovery(head, services_);
  if (!choice) return Refuse(head, head.method, "", NoRoute());
  const std::string root = fmt::format("{}://{}/", head.peer.tls ? "https" : "http", head.host);
  return std::make_unique<Refusal>(
      JsonResponse(200, DiscoveryDocument(choice->name, choice->version, root, services_)));
}

std::vector<std::string> Transcoder::UnboundMethods() const {
  std::vector<std::string> names;
  for (const ServiceDescriptor* service : services_) {
    for (int i = 0; i < service->method_count(); ++i) {
      if (elsewhere_.contains(service->method(i)->full_name())) continue;
      if (!bound_.contains(service->method(i))) names.push_back(service->method(i)->full_name());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

void Transcoder::Record(const CallRecord& record) const {
  if (options_.on_error) options_.on_error(record);
}

}  // namespace hodei::wire::rest
