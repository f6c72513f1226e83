package io.tandem.server.http;

import java.util.List;

/**
 * Tokens that a generation took.
 *
 * @param prompt of all prompts, each counted once, however many answers it got
 * @param cached those of the prompts that were not computed again
 * @param completion of all answers
 * @param early those of the answers that were drawn before a recursive model's last loop
 */
record Usage(int prompt, int cached, int completion, int early) {
    static Usage of(List<EncodedPrompt> prompts, List<Choice> choices) {
        int answers = choices.size() / prompts.size();
        return new Usage(
                prompts.stream().mapToInt(each -> each.tokens().length).sum(),
                choices.stream()
                        .filter(choice -> choice.index() % answers == 0)
                        .mapToInt(Choice::cachedTokens)
                        .sum(),
                choices.stream().mapToInt(Choice::completionTokens).sum(),
                choices.stream().mapToInt(Choice::earlyTokens).sum());
    }
}
