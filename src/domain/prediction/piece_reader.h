// Reads the records of one piece of an input.
#pragma once

#include <string>

#include "base/status.h"
#include "domain/prediction/plan_shards.h"
#include "domain/prediction/record_cutter.h"
#include "google/cloud/ml/v1/prediction.pb.h"
#include "store/object/object_store.h"

namespace hodei::prediction {

using DataFormat = google::cloud::ml::v1::PredictionInput::DataFormat;

RecordFormat FormatOf(DataFormat format);
// Text only.
bool IsSplittable(DataFormat format);

// Gives `cutter` the records of `piece`: of text the lines that start in it, of others the file.
// The file ends for the cutter. INVALID_ARGUMENT for bad gzip or a record that is too long.
Status ReadPiece(const store::OpenedObject& opened, const Piece& piece, DataFormat format,
                 RecordCutter* cutter);

}  // namespace hodei::prediction
