// Which part of the server answers which path. The only place that knows all of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "server/health.h"

namespace hodei::server {

// A part of the server that owns some paths.
struct Surface {
  // Whether this request is the surface's to answer; the first that says yes gets it.
  std::function<bool(const net::RequestHead&)> owns;
  std::function<std::unique_ptr<net::RequestHandler>(const net::RequestHead&)> start;
};

class Application : public net::Application {
 public:
  explicit Application(std::vector<Surface> surfaces) : surfaces_(std::move(surfaces)) {}
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head) override;
  net::HttpResponse TransportError(int http_status, const std::string& message) override;

 private:
  const std::vector<Surface> surfaces_;
};

// GET /healthz: the one route without a credential. It says "ok" and nothing about the server, or,
// with 503, "degraded": why stands in the server's own log.
Surface HealthSurface(const Health* health);

// A handler that ignores the body and answers `response`.
std::unique_ptr<net::RequestHandler> Answer(net::HttpResponse response);

}  // namespace hodei::server
