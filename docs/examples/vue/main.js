import { createApp } from 'vue';
import '../chat.css';
import ChatPage from './chat-page.vue';

createApp(ChatPage).mount('#app');
