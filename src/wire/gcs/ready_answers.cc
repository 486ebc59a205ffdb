// Downloads of small objects that were read lately: answered where the request was parsed, since
// neither rows nor bytes have to be waited for. Whatever is out of the ordinary, and every refusal,
// is left to the way through the pool, which knows all of it.
#include "domain/access/bucket_access.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/media.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {
namespace {

bool IsPlainDownload(const Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  switch (request.route.call) {
    case Call::kDownload:
      return true;
    case Call::kGetObject:
      return request.query.Get("alt") == "media";
    case Call::kXmlObject:
      return request.raw_query.empty();  // parameters may name something else than the bytes
    default:
      return false;
  }
}

bool AsksForAState(const Request& request) {
  if (request.query.Has("generation")) return true;
  const Result<store::Preconditions> wish = request.Preconditions();
  return !wish.ok() || wish->if_generation_match || wish->if_generation_not_match ||
         wish->if_metageneration_match || wish->if_metageneration_not_match;
}

}  // namespace

std::optional<net::HttpResponse> GcsApi::AnswerNow(const Request& request) const {
  if (!IsPlainDownload(request) || AsksForAState(request)) return std::nullopt;
  std::optional<store::ReadyObject> ready =
      parts_.store->FindReady(request.route.bucket, request.route.object);
  if (!ready) return std::nullopt;
  const Status allowed = access::CheckBucket(*parts_.authorizer, request.principal, *ready->bucket,
                                             "storage.objects.get");
  if (!allowed.ok()) return std::nullopt;
  Response response = MediaResponse(request, *ready->object, std::move(ready->bytes));
  return response.ok() ? *std::move(response) : ErrorFor(request, response.status());
}

}  // namespace hodei::wire::gcs
