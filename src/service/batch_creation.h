// What a batch prediction needs to know when it is created: its model, its input, its output.
#pragma once

#include "base/status.h"
#include "domain/environments/environments.h"
#include "domain/models/registry.h"
#include "hodei/jobs/record.pb.h"
#include "service/call_context.h"
#include "service/source_access.h"
#include "store/object/object_store.h"

namespace hodei::service {

class BatchCreation {
 public:
  // None is owned.
  BatchCreation(store::MetaStore* store, store::ObjectStore* objects,
                const access::Authorizer* authorizer,
                const environments::Environments* environments, const Clock* clock)
      : registry_(store, clock),
        objects_(objects),
        authorizer_(authorizer),
        sources_(objects, authorizer),
        environments_(environments) {}

  // Fills record->batch from the job's prediction_input, which has passed validation, and holds
  // every generation it names for the job. Release() takes that back.
  Status Fill(const CallContext& context, jobs::JobRecord* record) const;
  void Release(const jobs::JobRecord& record) const;

 private:
  Status FillModel(const CallContext& context, jobs::JobRecord* record) const;
  Status FillFromVersion(const CallContext& context, const std::string& name,
                         jobs::Batch* batch) const;

  const models::Registry registry_;
  store::ObjectStore* const objects_;
  const access::Authorizer* const authorizer_;
  const SourceAccess sources_;
  const environments::Environments* const environments_;
};

}  // namespace hodei::service
