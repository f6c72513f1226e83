package io.tandem.server.config;

/**
 * What is looked for in the answers to chats.
 *
 * @param tools how the model writes tool calls
 * @param reasoning how it marks its thoughts
 */
public record ParserConfig(Tools tools, Reasoning reasoning) {
    public static final ParserConfig DEFAULT = new ParserConfig(Tools.AUTO, Reasoning.AUTO);

    /** {@code AUTO}: by the chat template. */
    public enum Tools {
        AUTO,
        NONE,
        HERMES,
        LLAMA3,
        MISTRAL,
        MISTRAL_ARGS
    }

    /** {@code AUTO}: by the chat template. */
    public enum Reasoning {
        AUTO,
        NONE,
        THINK
    }
}
