// Ties the methods of models, versions and operations to their services.
#pragma once

#include "server/serving.h"
#include "service/policy_service.h"
#include "wire/rest/transcoder.h"

namespace hodei::server {

// All must outlive the transcoder.
void BindModels(Serving* serving, service::PolicyService* policies,
                wire::rest::Transcoder* transcoder);

}  // namespace hodei::server
