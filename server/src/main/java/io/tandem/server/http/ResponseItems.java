package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.text.tools.AnswerPart;
import io.tandem.server.text.tools.AnswerPart.Call;
import io.tandem.server.text.tools.AnswerPart.Content;
import io.tandem.server.text.tools.AnswerPart.Reasoning;
import java.util.function.BiConsumer;

/** The output of a response while it grows: thoughts, a message and calls are items, one after another. */
final class ResponseItems {
    private final ArrayNode items = JsonBody.MAPPER.createArrayNode();
    private final BiConsumer<String, ObjectNode> events;
    private final StringBuilder text = new StringBuilder();
    private ArrayNode logprobs = JsonBody.MAPPER.createArrayNode();

    /** @param events gets the type and the fields of each */
    ResponseItems(BiConsumer<String, ObjectNode> events) {
        this.events = events;
    }

    ArrayNode json() {
        return items;
    }

    /** @param scored log-probabilities of the tokens that are new */
    void add(AnswerPart part, ArrayNode scored) {
        if (part instanceof Content content) {
            grow("message", "output_text", content.text(), scored);
        } else if (part instanceof Reasoning thought) {
            grow("reasoning", "reasoning_text", thought.text(), scored);
        } else if (part instanceof Call call) {
            call(call);
        }
    }

    private void grow(String type, String partType, String delta, ArrayNode scored) {
        if (delta.isEmpty()) {
            return;
        }
        if (text.length() == 0 || !last().path("type").asText().equals(type)) {
            end("completed");
            open(type, partType);
        }
        text.append(delta);
        ObjectNode event = place().put("delta", delta);
        if (partType.equals("output_text")) {
            logprobs.addAll(scored);
            event.set("logprobs", scored);
        }
        events.accept(partType + ".delta", event);
    }

    private void open(String type, String partType) {
        ObjectNode item = items.addObject();
        item.put("id", ObjectIds.random(type.equals("message") ? "msg_" : "rs_"));
        item.put("type", type).put("status", "in_progress");
        if (type.equals("message")) {
            item.put("role", "assistant");
        } else {
            item.putArray("summary");
        }
        item.putArray("content");
        added(item);
        events.accept("content_part.added", place().set("part", part(partType)));
    }

    private ObjectNode part(String type) {
        ObjectNode part = JsonBody.MAPPER.createObjectNode().put("type", type).put("text", text.toString());
        if (type.equals("output_text")) {
            part.putArray("annotations");
            part.set("logprobs", logprobs);
        }
        return part;
    }

    private void call(Call call) {
        end("completed");
        ObjectNode item = items.addObject();
        item.put("id", ObjectIds.random("fc_")).put("type", "function_call").put("status", "in_progress");
        item.put("call_id", call.id()).put("name", call.name()).put("arguments", "");
        added(item);
        events.accept("function_call_arguments.delta", at(item).put("delta", call.arguments()));
        item.put("arguments", call.arguments()).put("status", "completed");
        events.accept(
                "function_call_arguments.done",
                at(item).put("name", call.name()).put("arguments", call.arguments()));
        done(item);
    }

    /**
     * Ends the item that grows, if there is one.
     *
     * @param status {@code completed}, or {@code incomplete} if it was cut
     */
    void end(String status) {
        if (text.length() == 0) {
            return;
        }
        ObjectNode item = last();
        String type = item.path("type").asText().equals("message") ? "output_text" : "reasoning_text";
        ObjectNode part = part(type);
        ObjectNode event = place().put("text", text.toString());
        if (part.has("logprobs")) {
            event.set("logprobs", logprobs);
        }
        events.accept(type + ".done", event);
        events.accept("content_part.done", place().set("part", part));
        item.withArray("content").add(part);
        item.put("status", status);
        done(item);
        text.setLength(0);
        logprobs = JsonBody.MAPPER.createArrayNode();
    }

    private void added(ObjectNode item) {
        events.accept("output_item.added", index().set("item", item));
    }

    private void done(ObjectNode item) {
        events.accept("output_item.done", index().set("item", item));
    }

    private ObjectNode last() {
        return (ObjectNode) items.get(items.size() - 1);
    }

    private ObjectNode index() {
        return JsonBody.MAPPER.createObjectNode().put("output_index", items.size() - 1);
    }

    private ObjectNode at(ObjectNode item) {
        return index().put("item_id", item.path("id").asText());
    }

    private ObjectNode place() {
        return at(last()).put("content_index", 0);
    }
}
