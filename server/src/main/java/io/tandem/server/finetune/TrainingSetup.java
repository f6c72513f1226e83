package io.tandem.server.finetune;

import io.tandem.server.text.ServedModel;

/**
 * What everything that trains or measures here starts from.
 *
 * @param model the base model
 * @param maxExampleTokens longest sequence that can be trained
 * @param device what training costs
 */
public record TrainingSetup(ServedModel model, int maxExampleTokens, TrainingDevice device) {}
