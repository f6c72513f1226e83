package io.tandem.server.finetune.data;

import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.server.finetune.request.TrainingDevice;
import io.tandem.server.text.ServedModel;
import java.util.function.Supplier;

/**
 * What everything that trains or measures here starts from.
 *
 * @param model the base model
 * @param maxExampleTokens longest sequence that can be trained
 * @param device what training costs
 * @param weights of the base model, opened anew
 * @param files of the base model
 */
public record TrainingSetup(
        ServedModel model,
        int maxExampleTokens,
        TrainingDevice device,
        Supplier<BaseWeights> weights,
        ModelFiles files) {}
