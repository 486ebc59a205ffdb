// The methods of IAM behind their routes.
#pragma once

#include "service/iam_service.h"
#include "wire/rest/transcoder.h"

namespace hodei::server {

// `accounts` must outlive the transcoder.
void BindIam(service::IamService* accounts, wire::rest::Transcoder* transcoder);

}  // namespace hodei::server
