package io.tandem.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class GeneratedAdapterTest {
    private static final GeneratedAdapter SHAPE = new GeneratedAdapter(2, 12, 8, 4, 3);

    @Test
    void theFileHasTheTensorsThatItsHeaderPromises() throws IOException {
        ByteBuffer file = ByteBuffer.wrap(SHAPE.safetensors(1)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] json = new byte[(int) file.getLong()];
        file.get(json);
        JsonNode header = ApiClient.JSON.readTree(new String(json, StandardCharsets.UTF_8));
        assertThat(header).hasSize(2 * 4 * 2);
        assertThat(header.at("/base_model.model.model.layers.1.self_attn.o_proj.lora_A.weight/shape"))
                .hasToString("[3,8]");
        assertThat(header.at("/base_model.model.model.layers.1.self_attn.o_proj.lora_B.weight/shape"))
                .hasToString("[12,3]");
        int bytes = 2 * Float.BYTES * 3 * ((12 + 8) + (12 + 4) + (12 + 4) + (8 + 12));
        assertThat(file.remaining()).isEqualTo(bytes);
        int end = 0;
        for (JsonNode tensor : header) {
            assertThat(tensor.at("/data_offsets/0").asInt()).isEqualTo(end);
            end = tensor.at("/data_offsets/1").asInt();
            int numbers = tensor.at("/shape/0").asInt() * tensor.at("/shape/1").asInt();
            assertThat(end - tensor.at("/data_offsets/0").asInt()).isEqualTo(Float.BYTES * numbers);
        }
        assertThat(end).isEqualTo(bytes);
    }

    @Test
    void seedsMakeDifferentAdapters() {
        assertThat(SHAPE.safetensors(1)).isEqualTo(SHAPE.safetensors(1)).isNotEqualTo(SHAPE.safetensors(2));
    }
}
