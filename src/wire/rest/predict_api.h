// POST /v1/…:predict: the client's body goes to a node of the version and the node's answer to the
// client, both as they are. And GET /metrics, which tells how that goes.
//
// It is not the transcoder's: no message is made of these bytes, and no thread waits for the model.
#pragma once

#include <memory>

#include "domain/access/authenticator.h"
#include "net/http_server.h"
#include "service/prediction_service.h"

namespace hodei::wire::rest {

inline constexpr size_t kPredictBodyMaxBytes = 1536 * 1024;  // 1.5 MB, as the original

class PredictApi {
 public:
  // Not owned; both outlive this.
  PredictApi(const service::PredictionService* service, const access::Authenticator* authenticator,
             const Clock* clock)
      : service_(service), authenticator_(authenticator), clock_(clock) {}

  static bool Owns(const net::RequestHead& head);
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head) const;

 private:
  std::unique_ptr<net::RequestHandler> StartPredict(const net::RequestHead& head) const;
  std::unique_ptr<net::RequestHandler> StartMetrics(const net::RequestHead& head) const;

  const service::PredictionService* const service_;
  const access::Authenticator* const authenticator_;
  const Clock* const clock_;
};

}  // namespace hodei::wire::rest
