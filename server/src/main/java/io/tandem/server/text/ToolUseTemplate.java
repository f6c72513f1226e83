package io.tandem.server.text;

import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatRendering;
import java.util.List;

/** The two templates of a model that has one of its own for chats with tools, as Command R does. */
record ToolUseTemplate(ChatTemplate usual, ChatTemplate withTools) implements ChatTemplate {
    @Override
    public String render(List<ChatMessage> messages, ChatRendering rendering) {
        return (rendering.tools().isEmpty() ? usual : withTools).render(messages, rendering);
    }

    /** Of both, because what a model can do is looked for in it. */
    @Override
    public String source() {
        return usual.source() + withTools.source();
    }
}
