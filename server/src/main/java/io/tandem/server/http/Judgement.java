package io.tandem.server.http;

/**
 * What the model says of a pair.
 *
 * @param score probability of yes among yes and no
 */
record Judgement(double score, int promptTokens) {}
