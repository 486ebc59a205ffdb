// HTTP and JSON to service calls and back, for every method that the descriptors list. Whoever
// calls must be known before anything else about the request is looked at: an unknown caller learns
// neither which routes exist nor which are implemented.
//
//   Transcoder transcoder(ApiServices(), &authenticator, &authorizer, {});
//   transcoder.Bind<CreateJobRequest, Job>("google.cloud.ml.v1.JobService.CreateJob",
//       [&](const service::CallContext& call, const CreateJobRequest& request) {
//         return jobs.CreateJob(call, request);
//       });
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/http_server.h"
#include "service/call_context.h"
#include "wire/rest/router.h"

namespace hodei::access {
class Authenticator;
class Authorizer;
}  // namespace hodei::access

namespace hodei::wire::rest {

// One line for the edge's log.
struct CallRecord {
  std::string request_id;
  std::string method;  // "google.cloud.ml.v1.JobService.CreateJob", or "GET" when there is no route
  std::string principal;
  Status status;  // the whole chain, also where the client is told less
};

struct TranscoderOptions {
  // A longer body is refused with 413.
  size_t body_limit_bytes = 4 * 1024 * 1024;
  // Called once for each request that ends in an error, from the thread that answers it. May be
  // empty.
  std::function<void(const CallRecord&)> on_error;
};

class Transcoder {
 public:
  using Where = net::RequestHandler::Where;
  using Method = std::function<Result<std::unique_ptr<google::protobuf::Message>>(
      const service::CallContext&, const google::protobuf::Message&)>;

  // Stops the program when the services' annotations are wrong. The two outlive the transcoder.
  Transcoder(std::vector<const google::protobuf::ServiceDescriptor*> services,
             const access::Authenticator* authenticator, const access::Authorizer* authorizer,
             TranscoderOptions options);
  ~Transcoder();
  Transcoder(const Transcoder&) = delete;
  Transcoder& operator=(const Transcoder&) = delete;

  // Gives the method its implementation; before the first request. A name or types that are not the
  // method's stop the program. `where` kInline only for what never waits longer than a cached read.
  // The handler runs on many threads at once, after authentication and authorization; resource
  // names in its request hold the project's id even when the path had its number.
  template <typename Request, typename Response, typename Handler>
  void Bind(std::string_view method, Handler handler, Where where = Where::kPool) {
    BindErased(
        method, *Request::descriptor(), *Response::descriptor(),
        [handler = std::move(handler)](const service::CallContext& call,
                                       const google::protobuf::Message& request)
            -> Result<std::unique_ptr<google::protobuf::Message>> {
          Result<Response> response = handler(call, static_cast<const Request&>(request));
          if (!response.ok()) return response.status();
          return std::unique_ptr<google::protobuf::Message>(
              std::make_unique<Response>(std::move(response).value()));
        },
        where);
  }

  // The method has a surface of its own, which is asked before this one.
  void AnsweredElsewhere(std::string_view method);

  // True for paths that Start() answers: /v1/…, the discovery documents, and the routes elsewhere.
  bool Owns(std::string_view raw_path) const;

  // Never null. Reads tokens and policies, so it may run on an I/O thread; the rest runs in the
  // handler.
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head) const;

  // Full names of the methods that answer 501, sorted.
  std::vector<std::string> UnboundMethods() const;
  const Router& router() const { return router_; }

 private:
  friend class Call;
  struct Bound {
    Method method;
    Where where = Where::kPool;
  };
  void BindErased(std::string_view name, const google::protobuf::Descriptor& request,
                  const google::protobuf::Descriptor& response, Method method, Where where);
  std::unique_ptr<net::RequestHandler> Refuse(const net::RequestHead& head, std::string method,
                                              std::string principal, const Status& status) const;
  std::unique_ptr<net::RequestHandler> Discovery(const net::RequestHead& head) const;
  // OK, with the bindings' project in its id form.
  Status Authorize(const Route& route, const access::Principal& principal,
                   std::vector<Binding>* bindings) const;
  void Record(const CallRecord& record) const;

  std::vector<const google::protobuf::ServiceDescriptor*> services_;
  const access::Authenticator* authenticator_;
  const access::Authorizer* authorizer_;
  TranscoderOptions options_;
  Router router_;
  std::map<const google::protobuf::MethodDescriptor*, Bound> bound_;
  std::set<std::string, std::less<>> elsewhere_;
};

}  // namespace hodei::wire::rest
