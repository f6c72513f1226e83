package io.tandem.loadtest.templates;

import java.util.List;

/**
 * Every template with every chat.
 *
 * @param now the time at which all of them are rendered, by ISO 8601
 */
record Pairs(String now, List<Pair> pairs) {}
